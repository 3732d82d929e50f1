package redisstore

import "strings"

// name is the Redis key of a store key: its second part, if it has one, stands
// in braces. The alphabet of store keys has none, so no two names are the same.
func (s *Store) name(key string) string {
	kind, rest, ok := strings.Cut(key, ":")
	if !ok {
		return s.prefix + key
	}
	hash, more, ok := strings.Cut(rest, ":")
	if !ok {
		return s.prefix + kind + ":{" + hash + "}"
	}
	return s.prefix + kind + ":{" + hash + "}:" + more
}

// names spells all keys in one piece of memory.
func (s *Store) names(keys []string) []string {
	if len(keys) == 1 {
		return []string{s.name(keys[0])}
	}
	size := 0
	for _, key := range keys {
		size += len(s.prefix) + len(key) + 2
	}
	var all strings.Builder
	all.Grow(size)
	names := make([]string, len(keys))
	for i, key := range keys {
		begin := all.Len()
		all.WriteString(s.prefix)
		kind, rest, ok := strings.Cut(key, ":")
		all.WriteString(kind)
		if ok {
			hash, more, ok := strings.Cut(rest, ":")
			all.WriteString(":{")
			all.WriteString(hash)
			all.WriteByte('}')
			if ok {
				all.WriteByte(':')
				all.WriteString(more)
			}
		}
		names[i] = all.String()[begin:]
	}
	return names
}

// channel is where messages travel. Redis has one space of channels for all
// its databases.
func (s *Store) channel() string { return s.prefix + "purges" }

// manifest is where Check notes the format of the namespace. It has no format
// in its own name.
func (s *Store) manifest() string { return s.space + "manifest" }
