package httpdate

import (
	"net/http"
	"testing"
	"time"
)

var (
	now    = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)
	sample = time.Date(1994, time.November, 6, 8, 49, 37, 0, time.UTC)
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     time.Time
	}{
		{"fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", sample},
		{"fixdate lower case", "sun, 06 nov 1994 08:49:37 gmt", sample},
		{"fixdate odd case", "sUN, 06 nOV 1994 08:49:37 gMT", sample},
		{"other weekday", "Mon, 06 Nov 1994 08:49:37 GMT", sample},
		{"leap day", "Thu, 29 Feb 2024 00:00:00 GMT", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
		{"last second", "Fri, 31 Dec 9999 23:59:59 GMT", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{"rfc850", "Sunday, 06-Nov-94 08:49:37 GMT", sample},
		{"rfc850 lower case", "sunday, 06-nov-94 08:49:37 gmt", sample},
		{"asctime", "Sun Nov  6 08:49:37 1994", sample},
		{"asctime zero", "Sun Nov 06 08:49:37 1994", sample},
		{"asctime two digits", "Wed Nov 16 08:49:37 1994", sample.AddDate(0, 0, 10)},
	}
	for _, tt := range tests {
		if got, ok := Parse(tt.in, now); !ok || !got.Equal(tt.want) || got.Location() != time.UTC {
			t.Errorf("%s: Parse(%q) = %v, %t, want %v, true", tt.name, tt.in, got, ok, tt.want)
		}
	}
}

func TestParseRejects(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in string }{
		{"empty", ""},
		{"zero", "0"},
		{"number", "1700000000"},
		{"two blanks", "Sun, 06 Nov 1994  08:49:37 GMT"},
		{"two blanks in place of a digit", "Sun,  6 Nov 1994 08:49:37 GMT"},
		{"one-digit hour", "Sun, 06 Nov 1994 8:49:37 GMT"},
		{"one-digit hour padded", "Sun, 06 Nov 1994  8:49:37 GMT"},
		{"one-digit day", "Sun, 6 Nov 1994 08:49:37 GMT"},
		{"no blank behind comma", "Sun,06 Nov 1994 08:49:37 GMT"},
		{"no comma", "Sun 06 Nov 1994 08:49:37 GMT"},
		{"leading blank", " Sun, 06 Nov 1994 08:49:37 GMT"},
		{"trailing blank", "Sun, 06 Nov 1994 08:49:37 GMT "},
		{"UTC", "Sun, 06 Nov 1994 08:49:37 UTC"},
		{"EST", "Sun, 06 Nov 1994 08:49:37 EST"},
		{"no zone", "Sun, 06 Nov 1994 08:49:37"},
		{"numeric zone", "Sun, 06 Nov 1994 08:49:37 +0000"},
		{"dots in time", "Sun, 06 Nov 1994 08.49.37 GMT"},
		{"dashes", "Sun, 06-Nov-1994 08:49:37 GMT"},
		{"tab", "Sun,\t06 Nov 1994 08:49:37 GMT"},
		{"no weekday", "Foo, 06 Nov 1994 08:49:37 GMT"},
		{"no month", "Sun, 06 Foo 1994 08:49:37 GMT"},
		{"month across names", "Sun, 06 anf 1994 08:49:37 GMT"},
		{"long weekday", "Sunday, 06 Nov 1994 08:49:37 GMT"},
		{"two-digit year", "Sun, 06 Nov 94 08:49:37 GMT"},
		{"signed year", "Sun, 06 Nov +994 08:49:37 GMT"},
		{"hour 24", "Sun, 06 Nov 1994 24:00:00 GMT"},
		{"minute 60", "Sun, 06 Nov 1994 08:60:00 GMT"},
		{"second 60", "Sat, 31 Dec 2016 23:59:60 GMT"},
		{"day 0", "Sun, 00 Nov 1994 08:49:37 GMT"},
		{"day 31", "Sun, 31 Nov 1994 08:49:37 GMT"},
		{"29 February", "Sun, 29 Feb 2023 08:49:37 GMT"},
		{"day 99", "Sun, 99 Nov 1994 08:49:37 GMT"},
		{"unicode look-alike", "ſun, 6 Nov 1994 08:49:37 GMT"},
		{"rfc850 other zone", "Sunday, 06-Nov-94 08:49:37 PST"},
		{"rfc850 short weekday", "Sun, 06-Nov-94 08:49:37 GMT"},
		{"rfc850 four-digit year", "Sunday, 06-Nov-1994 08:49:37 GMT"},
		{"rfc850 one-digit hour", "Sunday, 06-Nov-94 8:49:37 GMT"},
		{"rfc850 two blanks", "Sunday,  06-Nov-94 08:49:37 GMT"},
		{"rfc850 weekday prefix", "Sund, 06-Nov-94 08:49:37 GMT"},
		{"rfc850 no weekday", ", 06-Nov-94 08:49:37 GMT"},
		{"rfc850 29 February", "Monday, 29-Feb-23 08:49:37 GMT"},
		{"asctime one blank", "Sun Nov 6 08:49:37 1994"},
		{"asctime zone", "Sun Nov  6 08:49:37 GMT 1994"},
		{"asctime no day", "Sun Nov    08:49:37 1994"},
		{"asctime two-digit year", "Sun Nov  6 08:49:37   94"},
	}
	for _, tt := range tests {
		if got, ok := Parse(tt.in, now); ok || !got.IsZero() {
			t.Errorf("%s: Parse(%q) = %v, %t, want zero, false", tt.name, tt.in, got, ok)
		}
	}
}

func TestParseCentury(t *testing.T) {
	t.Parallel()
	at := func(year int) time.Time { return time.Date(year, 6, 1, 12, 0, 0, 0, time.UTC) }
	tests := []struct {
		in   string
		now  time.Time
		want int
	}{
		{"Monday, 01-Jun-26 12:00:00 GMT", now, 2026},
		{"Monday, 01-Jun-49 12:00:00 GMT", now, 2049},
		{"Monday, 01-Jun-76 12:00:00 GMT", now, 2076},
		{"Monday, 01-Jun-76 12:00:01 GMT", now, 1976},
		{"Monday, 01-Jun-99 12:00:00 GMT", now, 1999},
		{"Monday, 01-Jun-00 12:00:00 GMT", now, 2000},
		{"Monday, 29-Feb-00 12:00:00 GMT", now, 2000},
		{"Monday, 01-Jun-10 12:00:00 GMT", at(2080), 2110},
		{"Monday, 01-Jun-60 12:00:00 GMT", at(2000), 1960},
		{"Monday, 01-Jun-50 12:00:00 GMT", at(2000), 2050},
	}
	for _, tt := range tests {
		got, ok := Parse(tt.in, tt.now)
		if !ok || got.Year() != tt.want {
			t.Errorf("Parse(%q) in %d = %v, %t, want the year %d", tt.in, tt.now.Year(), got, ok, tt.want)
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CEST", 2*60*60)
	if got, want := Format(sample.In(zone)), "Sun, 06 Nov 1994 08:49:37 GMT"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestField(t *testing.T) {
	t.Parallel()
	date := Format(sample)
	tests := []struct {
		name        string
		lines       []string
		present, ok bool
	}{
		{"absent", nil, false, false},
		{"one", []string{date}, true, true},
		{"invalid", []string{"0"}, true, false},
		{"empty", []string{""}, true, false},
		{"two", []string{date, date}, true, false},
		{"list", []string{date + ", " + date}, true, false},
	}
	for _, tt := range tests {
		got, present, ok := Field(tt.lines, now)
		if present != tt.present || ok != tt.ok || got.Equal(sample) != tt.ok {
			t.Errorf("%s: got %v, %t, %t, want present %t, ok %t", tt.name, got, present, ok, tt.present, tt.ok)
		}
	}
}

func TestParseAllocs(t *testing.T) {
	date := Format(sample)
	if got := testing.AllocsPerRun(100, func() { Parse(date, now) }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Sun, 06 Nov 1994 08:49:37 GMT")
	f.Add("sun, 06 nov 1994 08:49:37 gmt")
	f.Add("Sunday, 06-Nov-94 08:49:37 GMT")
	f.Add("Sun Nov  6 08:49:37 1994")
	f.Add("Sun, 29 Feb 2023 08:49:37 GMT")
	f.Add("Saturday, 31-Dec-99 23:59:60 GMT")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := Parse(s, now)
		if !ok {
			return
		}
		if len(s) == lenIMF {
			// net/http wants the zone in upper case.
			want, err := http.ParseTime(s[:lenIMF-3] + "GMT")
			if err != nil || !got.Equal(want) {
				t.Errorf("Parse(%q) = %v, http.ParseTime: %v, %v", s, got, want, err)
			}
		}
		if again, ok := Parse(Format(got), now); !ok || !again.Equal(got) {
			t.Errorf("Parse(%q): %v does not survive Format", s, got)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Parse("Sun, 06 Nov 1994 08:49:37 GMT", now)
	}
}
