//go:build !race

package routers

// slower is how many times fewer requests the race detector is given.
const slower = 1
