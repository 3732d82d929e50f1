package pagecache

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sampleEntry has something of everything that a page in a Store may have.
func sampleEntry() *entry {
	return &entry{
		key:     key{frames: "v\x00\x00\x00\x00s"},
		vary:    []string{"Accept", "Origin"},
		values:  [][]string{{"text/html", ""}, nil},
		status:  http.StatusOK,
		fresh:   time.Minute,
		age:     3 * time.Second,
		route:   &routeStats{label: "/books/{id}"},
		pattern: "GET /books/{id}",
		fences:  []fence{{namespaceName, "n1"}, {" path /books/1", "n2"}, {"book:1", "n3"}},
		fields: []field{
			{"Content-Type", []string{"text/html"}, set},
			{"Vary", []string{"Accept", "Origin"}, add},
			{"X-Frame-Options", nil, remove},
			{"Date", nil, set},
			{"X-Empty", []string{}, set},
			{"X-Blank", []string{""}, set},
		},
		body: []byte("<p>page</p>\x00\xff"),
	}
}

func encoded(e *entry) []byte { return encodeEntry(e, time.Unix(1, 234)) }

// checkRoundTrip fails the test unless e comes back as it was.
func checkRoundTrip(t *testing.T, name string, e *entry) {
	t.Helper()
	got, created, label, err := decodeEntry(encoded(e))
	if err != nil {
		t.Errorf("%s: got error %v, want none", name, err)
		return
	}
	if !created.Equal(time.Unix(1, 234)) || label != e.route.label {
		t.Errorf("%s: got created %v, label %q; want %v, %q", name, created, label, time.Unix(1, 234), e.route.label)
	}
	want := *e
	want.route, got.body, want.body = nil, bytes.Clone(got.body), bytes.Clone(e.body)
	if len(want.body) == 0 {
		got.body, want.body = nil, nil
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("%s: got %+v, want %+v", name, *got, want)
	}
}

func TestEntryRoundTrip(t *testing.T) {
	checkRoundTrip(t, "sample", sampleEntry())

	bare := &entry{status: 301, fresh: 1, route: &routeStats{}}
	checkRoundTrip(t, "nothing that can be left out", bare)

	longest := &entry{status: 599, fresh: maxLifetime, age: maxLifetime, route: &routeStats{}}
	checkRoundTrip(t, "longest times", longest)
}

// TestEntryRoundTripSmall: the text of short fields takes less room than the
// memory they are decoded into, which the encoder has to make up for.
func TestEntryRoundTripSmall(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 8, 64} {
		short := &entry{status: 200, fresh: time.Minute, route: &routeStats{}}
		for range n {
			short.fields = append(short.fields, field{"X", []string{""}, set})
		}
		checkRoundTrip(t, "short fields", short)

		blank := &entry{status: 200, fresh: time.Minute, route: &routeStats{}, fields: []field{{"X", make([]string, 16*n), set}}}
		checkRoundTrip(t, "blank lines", blank)

		fenced := &entry{status: 200, fresh: time.Minute, route: &routeStats{}}
		varied := &entry{status: 200, fresh: time.Minute, route: &routeStats{}}
		for range n {
			fenced.fences = append(fenced.fences, fence{"t", "n"})
			varied.vary, varied.values = append(varied.vary, "A"), append(varied.values, []string{""})
		}
		checkRoundTrip(t, "short fences", fenced)
		checkRoundTrip(t, "short selecting fields", varied)
	}
}

// TestEntryDamage: one bit anywhere, or a byte more or less, and the entry is
// not an entry.
func TestEntryDamage(t *testing.T) {
	good := encoded(sampleEntry())
	for i := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		if _, _, _, err := decodeEntry(bad); err == nil {
			t.Fatalf("bit %d flipped: got no error", i)
		}
	}
	for n := range len(good) {
		if _, _, _, err := decodeEntry(good[:n]); err == nil {
			t.Fatalf("cut to %d of %d bytes: got no error", n, len(good))
		}
	}
	for _, bad := range [][]byte{nil, {}, append(bytes.Clone(good), 0), append([]byte{0}, good...), []byte(`{"user":"someone else"}`),
		bytes.Repeat([]byte{0xff}, 100), append(bytes.Clone(good), good...)} {
		if _, _, _, err := decodeEntry(bad); err == nil {
			t.Errorf("%.20q: got no error", bad)
		}
	}
	marker := encodeMarker("page", []string{"Accept"}, nil, 7)
	if _, _, _, err := decodeEntry(marker); err == nil {
		t.Error("a marker was taken for an entry")
	}
	if _, err := decodeMarker(good); err == nil {
		t.Error("an entry was taken for a marker")
	}
}

// sealed surrounds content as an encoder would, so that a decoder looks at it.
func sealed(version, kind byte, content []byte) []byte {
	b := append([]byte(codecMagic), version, kind)
	b = append(b, content...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func TestOtherFormatVersions(t *testing.T) {
	good := encoded(sampleEntry())
	content := good[codecHeader : len(good)-codecTrailer]
	if _, _, _, err := decodeEntry(sealed(codecVersion, kindEntry, content)); err != nil {
		t.Fatalf("sealed anew: got error %v, want none", err)
	}
	for _, version := range []byte{0, codecVersion + 1, 255} {
		if _, _, _, err := decodeEntry(sealed(version, kindEntry, content)); err == nil {
			t.Errorf("version %d: got no error", version)
		}
	}
}

// TestImplausibleEntries: a checksum says nothing about who wrote the bytes.
func TestImplausibleEntries(t *testing.T) {
	tests := []struct {
		name string
		edit func(*entry)
	}{
		{"interim status", func(e *entry) { e.status = 199 }},
		{"no status", func(e *entry) { e.status = 0 }},
		{"status above the last", func(e *entry) { e.status = 600 }},
		{"not fresh", func(e *entry) { e.fresh = 0 }},
		{"negative lifetime", func(e *entry) { e.fresh = -1 }},
		{"endless lifetime", func(e *entry) { e.fresh = maxLifetime + 1 }},
		{"negative age", func(e *entry) { e.age = -1 }},
		{"endless age", func(e *entry) { e.age = maxLifetime + 1 }},
		{"unknown change", func(e *entry) { e.fields[0].change = remove + 1 }},
		{"empty name", func(e *entry) { e.fields[0].name = "" }},
		{"name with a blank", func(e *entry) { e.fields[0].name = "X Y" }},
		{"name with a line end", func(e *entry) { e.fields[0].name = "X\r\nSet-Cookie" }},
		{"value with a line end", func(e *entry) { e.fields[0].lines = []string{"a\r\nSet-Cookie: b"} }},
		{"value with a bare LF", func(e *entry) { e.fields[0].lines = []string{"a", "b\nc"} }},
		{"value with NUL", func(e *entry) { e.fields[0].lines = []string{"a\x00"} }},
		{"cookie", func(e *entry) { e.fields[0].name = "Set-Cookie" }},
		{"cookie in lower case", func(e *entry) { e.fields[0].name = "set-cookie" }},
		{"hop-by-hop field", func(e *entry) { e.fields[0].name = "Transfer-Encoding" }},
		{"trailer", func(e *entry) { e.fields[0].name = http.TrailerPrefix + "X" }},
	}
	for _, tt := range tests {
		e := sampleEntry()
		tt.edit(e)
		if _, _, _, err := decodeEntry(encoded(e)); err == nil {
			t.Errorf("%s: got no error", tt.name)
		}
	}
}

// TestDecodedBodyAliases: a body of a megabyte is not copied on each hit.
func TestDecodedBodyAliases(t *testing.T) {
	e := sampleEntry()
	e.body = []byte(strings.Repeat("x", 1<<20))
	b := encoded(e)
	if n := allocated(func() { _, _, _, _ = decodeEntry(b) }); n > 16<<10 {
		t.Errorf("got %d bytes allocated for a page of 1 MiB, want the fields only", n)
	}
}

func TestMarkerRoundTrip(t *testing.T) {
	for _, want := range []*marker{
		{key: key{frames: "page"}, names: []string{"Accept", "Origin"}, live: []variantRef{{1, 2}, {1<<64 - 1, -1}}, epoch: 1<<63 + 1},
		{key: key{frames: "page"}, names: []string{"A"}, live: []variantRef{}},
		{names: []string{"A", "B", "C", "D", "E", "F", "G", "H"}, live: []variantRef{}},
		{names: []string{"A"}, live: make([]variantRef, 64)},
	} {
		b := encodeMarker(want.key.frames, want.names, want.live, want.epoch)
		got, err := decodeMarker(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		for i := range b {
			bad := bytes.Clone(b)
			bad[i] ^= 0x40
			if _, err := decodeMarker(bad); err == nil {
				t.Errorf("byte %d damaged: got no error", i)
			}
		}
	}
	if _, err := decodeMarker(encodeMarker("page", nil, nil, 7)); err == nil {
		t.Error("a marker without names: got no error")
	}
}

// unpadded is the content of an entry without a body and without the padding
// that makes up for the memory it takes.
func unpadded(e *entry) []byte {
	n := structSize(e)
	e.body = make([]byte, n) // long enough that there is no padding
	b := encoded(e)
	content := b[codecHeader : len(b)-codecTrailer-n-4]
	return append(content, 0, 0, 0, 0)
}

// TestUnpaddedEntries: lines of no text cost four times their bytes in memory,
// so an entry that is all such lines must not be decoded as far as it goes.
func TestUnpaddedEntries(t *testing.T) {
	lines := &entry{status: 200, fresh: time.Minute, route: &routeStats{}}
	for range 20 {
		lines.fields = append(lines.fields, field{"X", make([]string, 100), set})
	}
	lists := &entry{status: 200, fresh: time.Minute, route: &routeStats{}, key: key{frames: strings.Repeat("x", 10000)},
		fields: make([]field, 500), vary: make([]string, 600), values: make([][]string, 600), fences: make([]fence, 700)}
	for name, e := range map[string]*entry{"lines of many fields": lines, "all lists": lists} {
		b := sealed(codecVersion, kindEntry, unpadded(e))
		if _, _, _, err := decodeEntry(b); err == nil {
			t.Errorf("%s: got no error", name)
		}
		checkFrugal(t, len(b), func() { _, _, _, _ = decodeEntry(b) })
	}
}
