package main

import (
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// contender is one thing to time: run does n operations as worker w.
type contender struct {
	name string
	run  func(w, n int)
}

// sample is one timed stretch, per operation.
type sample struct {
	cpu, wall, allocs float64
}

// measure runs n operations on each of some workers at a time.
func measure(c contender, workers, n int) sample {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, began := processorTime(), time.Now()
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() { c.run(w, n) })
	}
	all.Wait()
	wall := time.Since(began)
	cpu = processorTime() - cpu
	runtime.ReadMemStats(&after)
	ops := float64(workers * n)
	return sample{
		cpu:    float64(cpu.Nanoseconds()) / ops,
		wall:   float64(wall.Nanoseconds()) / ops,
		allocs: float64(after.Mallocs-before.Mallocs) / ops,
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// interleave measures all contenders in turn, round after round, so that a
// machine that drifts drifts for all of them. The first contender is the
// baseline.
func interleave(contenders []contender, workers, n, rounds int) [][]sample {
	samples := make([][]sample, len(contenders))
	for round := range rounds + 1 {
		for i, c := range contenders {
			s := measure(c, workers, n)
			if round > 0 { // the first warms up
				samples[i] = append(samples[i], s)
			}
		}
	}
	return samples
}

func median(list []float64) float64 { return quantile(list, 0.5) }

func quantile(list []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func column(samples []sample, of func(sample) float64) []float64 {
	list := make([]float64, len(samples))
	for i, s := range samples {
		list[i] = of(s)
	}
	return list
}

// ratios compares round by round.
func ratios(a, base []float64) []float64 {
	list := make([]float64, len(a))
	for i := range a {
		list[i] = a[i] / base[i]
	}
	return list
}
