package pagecache

import (
	"bytes"
	"strings"

	"github.com/go-pagecache/pagecache/internal/frame"
)

// The message that a process sends to the others when it has changed fences: who
// it is, whether it was an expiry, and the names of the fences. It ends with a
// checksum, as nonces do.

// maxMessage is how long a message may be; one of more names says everything.
const maxMessage = 32 << 10

func encodePurge(from []byte, names []string, soft bool) []byte {
	b := append(frame.Append(nil, from), byte(boolInt(soft)))
	b = frame.AppendList(b, names)
	if len(b) > maxMessage {
		return encodePurge(from, []string{namespaceName}, soft)
	}
	return signNonce(string(b))
}

func decodePurge(b []byte) (from []byte, names []string, soft, ok bool) {
	if !isNonce(b) {
		return nil, nil, false, false
	}
	d := decoder{rest: b[:len(b)-sumSize], memory: len(b) * stringSize}
	from, soft = d.bytes(), d.byte() == 1
	names = d.texts(stringSize)
	return from, names, soft, !d.failed
}

// announce tells other processes of fences that were changed. They learn of it by
// the fences themselves in any case; it is for the copies that they keep.
func (s *remote) announce(spent *spending, names []string, soft bool) {
	m, ok := s.store.(messenger)
	if !ok {
		return
	}
	if err := s.guard.publish(spent, m, encodePurge(s.token, names, soft)); err != nil {
		s.core.storeFailed("publish", err)
	}
}

// heard kills the copies of what another process purged. A message that cannot be
// read may have been about anything.
func (c *core) heard(message []byte) {
	from, names, soft, ok := decodePurge(message)
	if !ok {
		c.near.lost()
		return
	}
	if bytes.Equal(from, c.remote.token) {
		return
	}
	var sc scope
	for _, name := range names {
		if name == namespaceName {
			sc.all = true
			continue
		}
		t := tagNamed(name)
		sc.places = append(sc.places, c.stamps.place(hashTag(c.seed, t)))
		sc.rare = sc.rare || t.kind.rare()
	}
	c.stamps.strike(sc, soft, c.now())
}

// tagNamed is the tag whose fence has a name.
func tagNamed(name string) tag {
	for prefix, kind := range map[string]tagKind{" path ": pathTag, " under ": underTag, " route ": routeTag} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return tag{kind: kind, parts: [3]string{rest}}
		}
	}
	return tag{kind: userTag, parts: [3]string{name}}
}
