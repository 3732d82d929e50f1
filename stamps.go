package pagecache

import (
	"math"
	"sync/atomic"
)

// stamps are the fences of this process: they tell whether a page was purged
// or expired since its handler run began, however many pages there are and
// whatever tags were ever purged.
//
// Each purge takes the next number and writes it into the table at the places
// of its tags. A page keeps the number that stood before its handler ran, and
// is good as long as nothing higher stands at the places of its tags. That holds
// for tags that the handler adds while it runs as well, for the number is older
// than any purge during the run. A purge costs as much as it names tags; it never
// looks at a page.
//
// Tags share places: purging one purges its neighbours in the table too. With
// 65,536 places, ten purges a second and pages of four tags, a page is lost to a
// neighbour once in 27 minutes.
type stamps struct {
	// The last number given. Numbers are nanoseconds since the cache's epoch,
	// or one more than the last, whichever is higher: so the number of an
	// expiry also says when it was.
	last atomic.Int64

	all    [2]atomic.Int64 // of purges of everything: changed, purged
	rare   atomic.Int64    // the last purge of a route, a prefix or an exact URL
	tables [2][]atomic.Int64
}

// How a page stops being fresh. Purging does both, so that a look-up needs to
// read the first table only.
const (
	changed = iota // purged or expired
	purged         // gone, not only stale
)

const (
	minStamps = 1 << 14
	defStamps = 1 << 16 // 512 KiB for each table
	maxStamps = 1 << 20
)

// stampsFor sizes the tables by what the memory holds: 1/128 of it for each. A
// memory that tells the largest value it keeps holds eight of them or more.
func stampsFor(m Memory) int {
	sized, ok := m.(interface{ MaxSize() int })
	if !ok {
		return defStamps
	}
	n := minStamps
	for n < maxStamps && n*8*128 < sized.MaxSize()*8 {
		n *= 2
	}
	return n
}

func newStamps(places int) *stamps {
	return &stamps{tables: [2][]atomic.Int64{make([]atomic.Int64, places), make([]atomic.Int64, places)}}
}

// place finds the place of a tag by its hash.
func (s *stamps) place(hash uint64) uint32 {
	return uint32(hash) & uint32(len(s.tables[changed])-1)
}

// next takes the number of a purge.
func (s *stamps) next(now int64) int64 {
	for {
		last := s.last.Load()
		n := max(last+1, now)
		if s.last.CompareAndSwap(last, n) {
			return n
		}
	}
}

// scope is what a purge is about.
type scope struct {
	places []uint32
	all    bool
	rare   bool // one of the places is of a kind that hits look at after a rare purge only
}

// strike purges, or with soft expires, what began before.
func (s *stamps) strike(sc scope, soft bool, now int64) {
	n := s.next(now)
	kinds := [...]int{purged, changed} // in this order: who sees a change must see whether it is a purge
	for _, kind := range kinds[boolInt(soft):] {
		for _, place := range sc.places {
			raise(&s.tables[kind][place], n)
		}
		if sc.all {
			raise(&s.all[kind], n)
		}
	}
	if sc.rare {
		raise(&s.rare, n)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func raise(at *atomic.Int64, n int64) {
	for {
		old := at.Load()
		if old >= n || at.CompareAndSwap(old, n) {
			return
		}
	}
}

// places of a page are where its tags stand in the tables: those of its paths
// and of the tags given to it first, then those that are rarely purged.
type places struct {
	list   []uint32
	common int
}

// never is a time that does not come.
const never = math.MaxInt64

// judge reports when a page that was begun at stamp was expired, or never, and
// whether it was purged.
func (s *stamps) judge(p *places, stamp int64) (expired int64, gone bool) {
	if s.last.Load() == stamp {
		return never, false
	}
	expired = s.earliest(p, stamp, changed)
	return expired, expired != never && s.earliest(p, stamp, purged) != never
}

// earliest is the lowest number above stamp that stands at one of the places.
func (s *stamps) earliest(p *places, stamp int64, kind int) int64 {
	first := int64(never)
	if n := s.all[kind].Load(); n > stamp {
		first = n
	}
	list := p.list
	if s.rare.Load() <= stamp {
		list = list[:p.common]
	}
	table := s.tables[kind]
	for _, place := range list {
		if n := table[int(place)&(len(table)-1)].Load(); n > stamp {
			first = min(first, n)
		}
	}
	return first
}
