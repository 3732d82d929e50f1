package pagecache

import (
	"bytes"
	"math"
	"reflect"
	"runtime"
	"testing"
	"time"
)

// allocated is how many bytes the whole process allocates while f runs.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// checkFrugal fails the test if decoding n bytes takes more than twice as much
// memory, also when it is tried again: other goroutines allocate too. Size
// classes round what is allocated up, by an eighth at most beyond the first few
// bytes.
func checkFrugal(t *testing.T, n int, decode func()) {
	t.Helper()
	limit, got := int64(2*n+n/4+1024), int64(0)
	for range 3 {
		if got = allocated(decode); got <= limit {
			return
		}
	}
	t.Errorf("got %d bytes allocated for %d bytes of input, want at most %d", got, n, limit)
}

// FuzzDecodeEntry has bytes as a broken or hostile store returns them, once as
// they are and once behind a checksum that is right.
func FuzzDecodeEntry(f *testing.F) {
	good := encoded(sampleEntry())
	f.Add(good)
	f.Add(good[codecHeader : len(good)-codecTrailer])
	f.Add([]byte("\x00\x00\x00\x00\x7f\xff\xff\xff"))                  // selecting fields without end
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01A")) // and then no values
	f.Add(bytes.Repeat([]byte{0}, 64))
	f.Add(bytes.Repeat([]byte{0, 0, 0, 2}, 64))
	for _, e := range windowed() {
		b := encoded(e)
		f.Add(b[codecHeader : len(b)-codecTrailer])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, _, _, _ = decodeEntry(content)
		b := sealed(codecVersion, kindEntry, content)
		e, created, label, err := decodeEntry(b)
		checkFrugal(t, len(b), func() { _, _, _, _ = decodeEntry(b) })
		if err != nil {
			return
		}
		e.route = &routeStats{label: label}
		again, createdAgain, labelAgain, err := decodeEntry(encodeEntry(e, created))
		if err != nil {
			t.Fatalf("written again: got error %v", err)
		}
		again.route = e.route
		if keep := e.keep(); keep <= 0 || keep > maxLifetime {
			t.Errorf("got an entry to be kept for %v", keep)
		}
		if !reflect.DeepEqual(again, e) || !createdAgain.Equal(created) || labelAgain != label {
			t.Errorf("got %+v, want %+v", again, e)
		}
	})
}

// windowed are entries with windows, of which the second half has some that no
// encoder writes.
func windowed() (list []*entry) {
	for _, w := range []windows{
		{0, 0}, {time.Minute, 0}, {0, time.Minute}, {maxLifetime, maxLifetime},
		{-1, time.Minute}, {time.Minute, -1}, {maxLifetime + 1, 0}, {math.MinInt64, math.MaxInt64},
	} {
		e := sampleEntry()
		e.stale = w
		list = append(list, e)
	}
	return list
}

// TestWindowsRoundTrip: they come back as they were, and what no window can be
// is not taken for one.
func TestWindowsRoundTrip(t *testing.T) {
	list := windowed()
	for _, e := range list[:len(list)/2] {
		checkRoundTrip(t, "windows", e)
	}
	for _, e := range list[len(list)/2:] {
		if _, _, _, err := decodeEntry(encoded(e)); err == nil {
			t.Errorf("windows %+v: got no error", e.stale)
		}
	}
}

// TestVersion1 had no windows, and no second fences: it is not read.
func TestVersion1(t *testing.T) {
	if codecVersion < 2 {
		t.Fatalf("got format version %d; entries with windows are 2 and later", codecVersion)
	}
	b := encoded(sampleEntry())
	content := b[codecHeader : len(b)-codecTrailer]
	m := encodeMarker("page", []string{"Accept"}, nil, 7)
	for version := range byte(codecVersion) {
		if _, _, _, err := decodeEntry(sealed(version, kindEntry, content)); err == nil {
			t.Errorf("entry of version %d: got no error", version)
		}
		if _, err := decodeMarker(sealed(version, kindMarker, m[codecHeader:len(m)-codecTrailer])); err == nil {
			t.Errorf("marker of version %d: got no error", version)
		}
	}
}

// FuzzEntryRoundTrip builds entries out of pieces, so that it reaches shapes
// that random bytes rarely have.
func FuzzEntryRoundTrip(f *testing.F) {
	f.Add("frames", "A", "x", "Content-Type", "text/html", "book:1", "body", uint8(3), uint8(2))
	f.Add("", "", "", "X", "", "", "", uint8(0), uint8(0))
	f.Add("", "A", "", "X", "", "t", "", uint8(40), uint8(40))
	f.Fuzz(func(t *testing.T, frames, name, value, fieldName, line, tag, body string, n, m uint8) {
		e := &entry{key: key{frames: frames}, status: 200, fresh: 1, route: &routeStats{label: tag}, pattern: name, body: []byte(body)}
		if !isToken(fieldName) || !replayable(fieldName, nil) || badFieldValue(line) {
			fieldName, line = "X", ""
		}
		for i := range int(n) {
			lines := make([]string, int(m)%7)
			for j := range lines {
				lines[j] = line
			}
			e.fields = append(e.fields, field{fieldName, lines, change(i % 3)})
		}
		for range m % 9 {
			e.vary, e.values = append(e.vary, name), append(e.values, []string{value})
			e.fences = append(e.fences, fence{tag, value}, fence{hardPrefix + tag, value})
		}
		e.stale = windows{time.Duration(n) * time.Second, time.Duration(m) * time.Hour}
		checkRoundTrip(t, "pieces", e)
	})
}

func FuzzDecodeMarker(f *testing.F) {
	good := encodeMarker("page", []string{"Accept", "Origin"}, []variantRef{{1, 2}}, 7)
	f.Add(good)
	f.Add(good[codecHeader : len(good)-codecTrailer])
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01A\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, content []byte) {
		_, _ = decodeMarker(content)
		b := sealed(codecVersion, kindMarker, content)
		m, err := decodeMarker(b)
		checkFrugal(t, len(b), func() { _, _ = decodeMarker(b) })
		if err != nil {
			return
		}
		again, err := decodeMarker(encodeMarker(m.key.frames, m.names, m.live, m.epoch))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("written again: got %+v, %v; want %+v", again, err, m)
		}
	})
}
