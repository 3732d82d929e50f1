package pagecache

import "testing"

// TestStands has what a page's fences are compared with. No nonce is equal to
// none: a fence that was lost, and one that never was, stand for nothing.
func TestStands(t *testing.T) {
	known := []string{namespaceTag, markTag, pathTag + "/p"}
	full := []fence{{namespaceTag, "n"}, {pathTag + "/p", "p"}, {"late", "l"}}
	tests := []struct {
		name   string
		fences []fence
		nonces map[string]string
		want   bool
	}{
		{"all equal", full, map[string]string{namespaceTag: "n", pathTag + "/p": "p", "late": "l"}, true},
		{"another mark", full, map[string]string{namespaceTag: "n", pathTag + "/p": "p", "late": "l", markTag: "m"}, true},
		{"path changed", full, map[string]string{namespaceTag: "n", pathTag + "/p": "x", "late": "l"}, false},
		{"late tag changed", full, map[string]string{namespaceTag: "n", pathTag + "/p": "p", "late": "x"}, false},
		{"late tag lost", full, map[string]string{namespaceTag: "n", pathTag + "/p": "p", "late": ""}, false},
		{"late tag not read", full, map[string]string{namespaceTag: "n", pathTag + "/p": "p"}, false},
		{"namespace lost", full, map[string]string{pathTag + "/p": "p", "late": "l"}, false},
		{"stored without a nonce", []fence{{namespaceTag, "n"}, {pathTag + "/p", ""}}, map[string]string{namespaceTag: "n", pathTag + "/p": ""}, false},
		{"stored without its path", full[:1], map[string]string{namespaceTag: "n", pathTag + "/p": "p"}, false},
		{"stored without fences", nil, map[string]string{namespaceTag: "n", pathTag + "/p": "p"}, false},
	}
	for _, tt := range tests {
		q := &query{known: known, nonces: tt.nonces}
		if got := q.stands(&entry{fences: tt.fences}); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}
