package storetest

import (
	"math/rand/v2"
	"slices"
)

// The functions of this file are hooks for [Faults.Values]. Each leaves absent
// values absent.

// FlipBit inverts one random bit of each value.
func FlipBit(values [][]byte) [][]byte {
	return each(values, func(v []byte) []byte {
		if len(v) > 0 {
			v[rand.IntN(len(v))] ^= 1 << rand.IntN(8)
		}
		return v
	})
}

// Truncate cuts each value short at a random place.
func Truncate(values [][]byte) [][]byte {
	return each(values, func(v []byte) []byte { return v[:rand.IntN(max(len(v), 1))] })
}

// Empty makes each value empty, which the contract rules out.
func Empty(values [][]byte) [][]byte {
	return each(values, func([]byte) []byte { return []byte{} })
}

// Foreign replaces each value by one that some other program might have put
// there.
func Foreign(values [][]byte) [][]byte {
	return each(values, func([]byte) []byte { return []byte(`{"user":"someone else"}`) })
}

// Swap hands out the values in reverse order, each under another key. It needs
// more than one key to have an effect.
func Swap(values [][]byte) [][]byte {
	values = slices.Clone(values)
	slices.Reverse(values)
	return values
}

// Miscount returns one value less than there are keys.
func Miscount(values [][]byte) [][]byte { return values[:max(len(values)-1, 0)] }

// Surplus returns one value more than there are keys.
func Surplus(values [][]byte) [][]byte {
	return append(slices.Clip(values), []byte("surplus"))
}

// each applies change to a copy of each value.
func each(values [][]byte, change func([]byte) []byte) [][]byte {
	changed := make([][]byte, len(values))
	for i, v := range values {
		if v != nil {
			changed[i] = change(slices.Clone(v))
		}
	}
	return changed
}
