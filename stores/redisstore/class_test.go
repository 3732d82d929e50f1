package redisstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestClasses covers the words of servers that tests do not provoke.
func TestClasses(t *testing.T) {
	for text, want := range map[string]string{
		"LOADING Redis is loading the dataset in memory":                                              "loading",
		"MOVED 3999 127.0.0.1:6381":                                                                   "moved",
		"ASK 3999 127.0.0.1:6381":                                                                     "moved",
		"TRYAGAIN Multiple keys request during rehashing of slot":                                     "moved",
		"CROSSSLOT Keys in request don't hash to the same slot":                                       "moved",
		"CLUSTERDOWN Hash slot not served":                                                            "clusterdown",
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.":            "clusterdown",
		"NOPERM this user has no permissions to run the 'eval' command":                               "auth",
		"WRONGPASS invalid username-password pair or user is disabled.":                               "auth",
		"ERR max number of clients reached":                                                           "maxclients",
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable":                "misconf",
		"ERR Error running script (call to f_1): @user_script:3: OOM command not allowed":             "oom",
		"script: READONLY You can't write against a read only replica. script: 1, on @user_script:5.": "readonly",
		"ERR string exceeds maximum allowed size (proto-max-bulk-len)":                                "too-large",
		"redis: all sentinels specified in configuration are unreachable":                             "refused",
		"BUSY Redis is busy running a script":                                                         "other",
		"ERR no such TASK 1":                                                                          "other",
	} {
		err := failed("Get", errors.New(text))
		var e *Error
		if !errors.As(err, &e) || e.Class() != want {
			t.Errorf("%s: got %v, want the class %s", text, err, want)
		}
		if want != "other" && !strings.HasSuffix(err.Error(), ")") {
			t.Errorf("%s: got %q, want a way out", text, err)
		}
		if again := failed("Check", err); again.(*Error).Op != "Check" || strings.Count(again.Error(), "redisstore: ") != 1 {
			t.Errorf("wrapped again: got %q", again)
		}
	}
	if got := classOf(redis.ErrPoolTimeout); got != "timeout" {
		t.Errorf("got %q for a pool that is exhausted, want timeout", got)
	}
}
