package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"
)

// faultFigures are what some requests paid for their store.
type faultFigures struct {
	n             int
	p50, p99, max time.Duration
	paid          float64 // share that took more than a millisecond
	hits          float64 // share of hot pages that were found
	wrong         []string
}

func faultFiguresOf(samples []faultSample) (f faultFigures) {
	var took []time.Duration
	hot, hits, paid := 0, 0, 0
	for _, s := range samples {
		took = append(took, s.took)
		if s.took > time.Millisecond {
			paid++
		}
		if s.hot {
			hot++
			if s.hit {
				hits++
			}
		}
		if s.wrong != "" {
			f.wrong = append(f.wrong, s.wrong)
		}
	}
	if f.n = len(took); f.n == 0 {
		return f
	}
	slices.Sort(took)
	f.p50, f.p99, f.max = took[f.n/2], took[f.n*99/100], took[f.n-1]
	f.paid, f.hits = float64(paid)/float64(f.n), float64(hits)/float64(max(hot, 1))
	return f
}

func (f faultFigures) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	return fmt.Sprintf("%6d requests  p50 %8v  p99 %8v  max %8v  paid %6.2f %%  hot hits %5.1f %%  wrong %d",
		f.n, round(f.p50), round(f.p99), round(f.max), 100*f.paid, 100*f.hits, len(f.wrong))
}

// paidMore is how many took longer than d.
func paidMore(samples []faultSample, d time.Duration) (n int) {
	for _, s := range samples {
		if s.took > d {
			n++
		}
	}
	return n
}

// inARow is how many requests for hot pages are looked at together.
const inARow = 100

// hitsAgain is how long it took after a fault until the first hit had been
// answered, and until 99 of 100 requests for hot pages in a row were hits: fewer
// in the short form, for a machine that does other things is itself too late.
func hitsAgain(samples []faultSample, healed time.Time) (first, full time.Duration, ok bool) {
	var hot []faultSample
	for _, s := range samples {
		if s.hot {
			hot = append(hot, s)
		}
	}
	at := slices.IndexFunc(hot, func(s faultSample) bool { return s.hit })
	if at < 0 {
		return 0, 0, false
	}
	first = hot[at].at.Add(hot[at].took).Sub(healed)
	for i := at; i+inARow <= len(hot); i++ {
		hits := 0
		for _, s := range hot[i : i+inARow] {
			if s.hit {
				hits++
			}
		}
		if hits*100 >= inARow*byForm(80, 99) {
			return first, hot[i].at.Sub(healed), true
		}
	}
	return first, 0, false
}

// awaitRecovery lets visitors come until hot pages are found again.
func (l *faultLoad) awaitRecovery(t *testing.T, healed time.Time) (first, full time.Duration) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var ok bool
		if first, full, ok = hitsAgain(l.between(healed, time.Now()), healed); ok {
			return first, full
		}
	}
	t.Errorf("%s: hot pages are not found 15 s after the fault", l.site.name)
	return first, full
}

// faultLog keeps the lines that a cache writes to its log.
type faultLog struct {
	slog.Handler

	mu    sync.Mutex
	lines []faultLine
}

// faultLine is one of them. The kind is its message with the class of the
// failure, or with what the message is about.
type faultLine struct {
	at         time.Time
	kind, text string
}

func (l *faultLog) logger() *slog.Logger {
	l.Handler = slog.DiscardHandler
	return slog.New(l)
}

// Enabled lets all lines through.
func (l *faultLog) Enabled(context.Context, slog.Level) bool { return true }

// Handle keeps a line.
func (l *faultLog) Handle(_ context.Context, r slog.Record) error {
	line := faultLine{at: r.Time, kind: r.Message, text: r.Message}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "class" || a.Key == "for" {
			line.kind += " " + a.Value.String()
		}
		line.text += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

func (l *faultLog) all() []faultLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// wantRareLines fails unless lines of one kind are about a second apart. The
// breaker's own lines follow its probes, of which there are five in four seconds.
func (l *faultLog) wantRareLines(t *testing.T, who string) {
	t.Helper()
	last := map[string]time.Time{}
	for _, line := range l.all() {
		if gap := line.at.Sub(last[line.kind]); gap < 700*time.Millisecond {
			t.Errorf("%s: got the line %q %v after another like it, want one a second", who, line.text, gap)
		}
		last[line.kind] = line.at
	}
}
