package pagecache

import (
	"strings"
	"sync"
)

// memo remembers nonces for which the mark stands, and the mark they were read
// under: until it changes, a handler run needs no trip for them. One that is
// outdated all the same, because it was read in the midst of a purge, is stored with
// a page that was made after that purge began, and can only have it missed later.
type memo struct {
	mu     sync.Mutex
	mark   string
	nonces map[string]string
}

// maxMemo is how many nonces are remembered.
const maxMemo = 4096

// keep remembers what a ticket has.
func (m *memo) keep(nonces map[string]string) {
	mark := nonces[markName]
	if mark == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mark != mark {
		m.mark, m.nonces = strings.Clone(mark), make(map[string]string)
	}
	for name, nonce := range nonces {
		if nonce != "" && marked(name) && m.nonces[name] != nonce && len(m.nonces) < maxMemo {
			m.nonces[strings.Clone(name)] = strings.Clone(nonce)
		}
	}
}

// recall adds to a ticket what is remembered of these names.
func (m *memo) recall(nonces map[string]string, names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mark == "" || m.mark != nonces[markName] {
		return
	}
	for _, name := range names {
		if nonce := m.nonces[name]; nonce != "" && nonces[name] == "" {
			nonces[name] = nonce
		}
	}
}
