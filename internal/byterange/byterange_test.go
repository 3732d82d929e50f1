package byterange

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		field string
		size  int64
		want  []Range
	}{
		{"bytes=0-4", 10, []Range{{0, 5}}},
		{"bytes=0-0", 10, []Range{{0, 1}}},
		{"bytes=9-9", 10, []Range{{9, 10}}},
		{"bytes=0-9", 10, []Range{{0, 10}}},
		{"bytes=5-100", 10, []Range{{5, 10}}},
		{"bytes=5-", 10, []Range{{5, 10}}},
		{"bytes=0-", 10, []Range{{0, 10}}},
		{"bytes=-3", 10, []Range{{7, 10}}},
		{"bytes=-10", 10, []Range{{0, 10}}},
		{"bytes=-1000", 10, []Range{{0, 10}}},
		{"BYTES=0-4", 10, []Range{{0, 5}}},
		{" bytes=0-4\t", 10, []Range{{0, 5}}},
		{"bytes=0-1,3-4", 10, []Range{{0, 2}, {3, 5}}},
		{"bytes= 0-1 ,\t3-4 ", 10, []Range{{0, 2}, {3, 5}}},
		{"bytes=,0-1,,3-4,", 10, []Range{{0, 2}, {3, 5}}},
		{"bytes=5-6,0-1", 10, []Range{{5, 7}, {0, 2}}},
		{"bytes=0-4,2-6", 10, []Range{{0, 5}, {2, 7}}},
		{"bytes=0-4,5-9", 10, []Range{{0, 5}, {5, 10}}},
		{"bytes=100-200,1-2", 10, []Range{{1, 3}}},
		{"bytes=-0,1-2", 10, []Range{{1, 3}}},
		{"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7", 10, []Range{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 6}, {6, 7}, {7, 8}}},
		{"bytes=007-008", 10, []Range{{7, 9}}},
		{"bytes=1-99999999999999999999999", 10, []Range{{1, 10}}},
		{"bytes=-99999999999999999999999", 10, []Range{{0, 10}}},
		{"bytes=1-9223372036854775807", math.MaxInt64, []Range{{1, math.MaxInt64}}},
		{"bytes=0-0", 1, []Range{{0, 1}}},
	}
	for _, tt := range tests {
		got, verdict := Parse(tt.field, tt.size)
		if verdict != Satisfiable || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Parse(%q, %d) = %v, %v, want %v, satisfiable", tt.field, tt.size, got, verdict, tt.want)
		}
	}
}

func TestParseWithoutRanges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		field string
		size  int64
		want  Verdict
	}{
		{"bytes=10-", 10, Unsatisfiable},
		{"bytes=10-20", 10, Unsatisfiable},
		{"bytes=-0", 10, Unsatisfiable},
		{"bytes=-0,10-,20-30", 10, Unsatisfiable},
		{"bytes=99999999999999999999999-", 10, Unsatisfiable},
		{"bytes=9223372036854775807-", math.MaxInt64, Unsatisfiable},

		{"", 10, Ignore},
		{"bytes", 10, Ignore},
		{"bytes=", 10, Ignore},
		{"bytes=,", 10, Ignore},
		{"bytes=-", 10, Ignore},
		{"bytes=5", 10, Ignore},
		{"bytes=5-4", 10, Ignore},
		{"bytes=100-50", 10, Ignore},
		{"bytes=a-b", 10, Ignore},
		{"bytes=0-b", 10, Ignore},
		{"bytes=+0-4", 10, Ignore},
		{"bytes=0-+4", 10, Ignore},
		{"bytes=--4", 10, Ignore},
		{"bytes=0--4", 10, Ignore},
		{"bytes=0 - 4", 10, Ignore},
		{"bytes=0-4-6", 10, Ignore},
		{"bytes=0x0-4", 10, Ignore},
		{"bytes=0-4;x", 10, Ignore},
		{"bytes =0-4", 10, Ignore},
		{"bytes:0-4", 10, Ignore},
		{"items=0-4", 10, Ignore},
		{"byteſ=0-4", 10, Ignore},
		{"bytes=0-4,x", 10, Ignore},
		{"bytes=0-4,bytes=5-6", 10, Ignore},
		{"bytes=0-9,0-0", 10, Ignore},
		{"bytes=0-5,2-7", 10, Ignore},
		{"bytes=-9223372036854775807,-9223372036854775807", math.MaxInt64, Ignore},
		{"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8", 10, Ignore},
		{"bytes=" + strings.Repeat("99-,", 9), 10, Ignore},

		{"bytes=0-", 0, Ignore},
		{"bytes=-5", 0, Ignore},
		{"bytes=0-4", -1, Ignore},
	}
	for _, tt := range tests {
		if got, verdict := Parse(tt.field, tt.size); verdict != tt.want || got != nil {
			t.Errorf("Parse(%q, %d) = %v, %v, want none, %v", tt.field, tt.size, got, verdict, tt.want)
		}
	}
}

func TestParseAllocs(t *testing.T) {
	if got := testing.AllocsPerRun(100, func() { Parse("bytes=0-4", 10) }); got > 1 {
		t.Errorf("got %v allocations, want 1 for the result", got)
	}
	if got := testing.AllocsPerRun(100, func() { Parse("bytes=10-", 10) }); got != 0 {
		t.Errorf("without ranges: got %v allocations, want 0", got)
	}
}

func TestContentRange(t *testing.T) {
	t.Parallel()
	if got, want := ContentRange(Range{0, 5}, 10), "bytes 0-4/10"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := ContentRange(Range{math.MaxInt64 - 1, math.MaxInt64}, math.MaxInt64), "bytes 9223372036854775806-9223372036854775806/9223372036854775807"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Unsatisfied(10), "bytes */10"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestVerdictString(t *testing.T) {
	t.Parallel()
	for v, want := range map[Verdict]string{Ignore: "ignore", Unsatisfiable: "unsatisfiable", Satisfiable: "satisfiable"} {
		if got := v.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("bytes=0-4", int64(10))
	f.Add("bytes=-5, 7-, ,1-1", int64(10))
	f.Add("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8", int64(100))
	f.Add("bytes=-99999999999999999999999", int64(math.MaxInt64))
	f.Add("bytes=-0", int64(0))
	f.Add("items=1-2", int64(-1))
	f.Fuzz(func(t *testing.T, field string, size int64) {
		ranges, verdict := Parse(field, size)
		if (verdict == Satisfiable) != (len(ranges) > 0) {
			t.Errorf("got %v with %v", verdict, ranges)
		}
		if len(ranges) > MaxRanges {
			t.Errorf("got %d ranges, want at most %d", len(ranges), MaxRanges)
		}
		total := int64(0)
		for _, r := range ranges {
			if r.Start < 0 || r.Start >= r.End || r.End > size {
				t.Errorf("got %v, want it inside [0, %d)", r, size)
			}
			total += r.Len()
		}
		if total < 0 || total > max(size, 0) {
			t.Errorf("got %d bytes in total, want at most %d", total, size)
		}
		checkRoundTrip(t, ranges, size)
	})
}

// checkRoundTrip asks for each range again in the words of its Content-Range.
func checkRoundTrip(t *testing.T, ranges []Range, size int64) {
	t.Helper()
	for _, r := range ranges {
		text, _, _ := strings.Cut(strings.TrimPrefix(ContentRange(r, size), "bytes "), "/")
		again, _ := Parse("bytes="+text, size)
		if len(again) != 1 || again[0] != r {
			t.Errorf("got %v for %q, want %v", again, text, r)
		}
	}
}
