//go:build !unix

package redistest

import "os"

// Nil: processes cannot be stopped here.
var freezeSignal, thawSignal os.Signal
