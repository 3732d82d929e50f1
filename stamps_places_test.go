package pagecache

import (
	"fmt"
	"hash/maphash"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// sized is a memory that tells the largest value it keeps.
type sized struct {
	Memory
	most int
}

func (m sized) MaxSize() int { return m.most }

// TestStampsFor: the tables have the size of what they are for, within bounds,
// and always a power of two.
func TestStampsFor(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    Memory
		want int
	}{
		{"one that does not tell", nil, 1 << 16},
		{"tiny", sized{most: 1}, 1 << 14},
		{"16 MiB", sized{most: 2 << 20}, 1 << 14},
		{"default", sized{most: 8 << 20}, 1 << 16},
		{"256 MiB", sized{most: 32 << 20}, 1 << 18},
		{"odd", sized{most: 9 << 20}, 1 << 17},
		{"huge", sized{most: 1 << 40}, 1 << 20},
	} {
		if got := stampsFor(tt.m); got != tt.want {
			t.Errorf("%s: got %d places, want %d", tt.name, got, tt.want)
		}
	}
	if n := len(New().core.stamps.tables[changed]); n != defStamps {
		t.Errorf("got %d places for the memory without options, want %d", n, defStamps)
	}
}

// TestPlaces: every hash has a place, and they spread over all of them.
func TestPlaces(t *testing.T) {
	s, seed, used := newStamps(1<<14), maphash.MakeSeed(), make(map[uint32]int)
	const tags = 1 << 17 // eight for each place
	for i := range tags {
		at := s.place(hashTag(seed, tag{parts: [3]string{fmt.Sprint("tag:", i)}}))
		if int(at) >= 1<<14 {
			t.Fatalf("got place %d of %d", at, 1<<14)
		}
		used[at]++
	}
	if most := slices.Max(slices.Collect(maps.Values(used))); len(used) < 1<<14-100 || most > 40 {
		t.Errorf("got %d places used and %d tags in one, want nearly all and few", len(used), most)
	}
}

// TestHashTag: tags of other kinds, and parts that are divided in another way,
// are other tags.
func TestHashTag(t *testing.T) {
	seed, seen := maphash.MakeSeed(), make(map[uint64]tag)
	for kind := userTag; kind <= keyedTag; kind++ {
		for _, parts := range [][3]string{
			{}, {"a"}, {"b"}, {"ab"}, {"a", "b"}, {"", "ab"}, {"", "a", "b"}, {"a", "", "b"}, {"b", "a"}, {"", "", "a"}, {"a", "a"}, {"a", "a", "a"}, {"\x00"}, {"\x01"},
		} {
			at := tag{kind, parts}
			h := hashTag(seed, at)
			if other, taken := seen[h]; taken {
				t.Errorf("got one hash for %v and %v", at, other)
			}
			seen[h] = at
			if hashTag(seed, at) != h {
				t.Errorf("got two hashes for %v", at)
			}
		}
	}
	if a, b := hashTag(seed, tag{parts: [3]string{"a"}}), hashTag(maphash.MakeSeed(), tag{parts: [3]string{"a"}}); a == b {
		t.Error("got one hash under two seeds")
	}
}

// TestDirectories: those that end with a slash, down to a depth.
func TestDirectories(t *testing.T) {
	many := strings.Repeat("/x", 40)
	for _, tt := range []struct{ path, want string }{
		{"", ""}, {"/", "/"}, {"/a", "/"}, {"/a/", "/ /a/"}, {"/a/b", "/ /a/"}, {"/a//b", "/ /a/ /a//"}, {"a/b", "a/"}, {"*", ""},
		{"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", "/ /1/ /1/2/ /1/2/3/ /1/2/3/4/ /1/2/3/4/5/ /1/2/3/4/5/6/ /1/2/3/4/5/6/7/ /1/2/3/4/5/6/7/8/ /1/2/3/4/5/6/7/8/9/" +
			" /1/2/3/4/5/6/7/8/9/10/ /1/2/3/4/5/6/7/8/9/10/11/ /1/2/3/4/5/6/7/8/9/10/11/12/ /1/2/3/4/5/6/7/8/9/10/11/12/13/ /1/2/3/4/5/6/7/8/9/10/11/12/13/14/ /1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/"},
	} {
		if got := strings.Join(slices.Collect(directories(tt.path)), " "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.path, got, tt.want)
		}
	}
	if n := len(slices.Collect(directories(many))); n != maxDepth {
		t.Errorf("got %d directories of %q, want %d", n, many, maxDepth)
	}
}

// TestWithTags does not touch the places that it is given: a flight that others
// wait for looks at them meanwhile.
func TestWithTags(t *testing.T) {
	c := New(Tags("route"), WithMemory(sized{most: 1 << 40})) // so large that no two tags share a place
	defer c.Close(t.Context())
	rt := c.route("Page", c.base, http.NotFoundHandler())
	r := httptest.NewRequest(http.MethodGet, "/a/b?q", nil)
	p := rt.placesOf(make([]uint32, 0, 64), r)
	before := slices.Clone(p.list[:cap(p.list)])
	all := c.core.withTags(p, []string{"route", "late", "later", "late"}, "/a/{x}")
	if !slices.Equal(p.list[:cap(p.list)], before) {
		t.Error("got the places of the flight changed")
	}
	at := func(kind tagKind, parts ...string) uint32 { return c.core.place(kind, parts...) }
	want := []uint32{at(pathTag, "/a/b"), at(userTag, "route"), at(userTag, "late"), at(userTag, "later")}
	rare := []uint32{at(underTag, "/"), at(underTag, "/a/"), at(targetTag, "/a/b", "q"), at(urlTag, "/a/b", "q", "example.com"), at(routeTag, "/a/{x}")}
	if !slices.Equal(all.list[:all.common], want) || !slices.Equal(all.list[all.common:], rare) {
		t.Errorf("got the places %v, %d of them common; want %v and %v", all.list, all.common, want, rare)
	}
	if e := (&entry{places: all}); e.weigh()-(&entry{}).weigh() != 4*cap(all.list) {
		t.Errorf("got %d bytes for %d places, want all counted", e.weigh()-(&entry{}).weigh(), len(all.list))
	}
}

// TestTakeByTime: an entry that was expired at any time is not fresh, and one
// that was not is so until its end.
func TestTakeByTime(t *testing.T) {
	e := &entry{created: 0, fresh: 100, stale: windows{whileRevalidate: 50}}
	for _, tt := range []struct {
		expired, now int64
		fresh, old   bool
		since        int64
	}{
		{never, 0, true, false, 0}, {never, 99, true, false, 0}, {never, 100, false, true, 100}, {never, 149, false, true, 100}, {never, 150, false, false, 0},
		{40, 40, false, true, 40}, {60, 40, false, true, 40}, {40, 89, false, true, 40}, {40, 90, false, false, 0}, {120, 120, false, true, 100}, {120, 150, false, false, 0},
	} {
		var l lookup
		l.take(e, tt.expired, tt.now)
		if (l.entry != nil) != tt.fresh || (l.old != nil) != tt.old || l.since != tt.since {
			t.Errorf("expired at %d, now %d: got fresh %t, old %t since %d; want %t, %t, %d", tt.expired, tt.now, l.entry != nil, l.old != nil, l.since, tt.fresh, tt.old, tt.since)
		}
	}
}
