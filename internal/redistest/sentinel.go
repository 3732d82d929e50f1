package redistest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// Sentinel is a master with one replica, watched by three sentinels.
type Sentinel struct {
	// MasterName is what the sentinels call the master.
	MasterName string

	tb        TB
	data      []*Server
	sentinels []*Server
}

const (
	sentinelCount   = 3
	sentinelTimeout = 30 * time.Second
)

// StartSentinel returns when the replica has caught up and all sentinels know
// it and each other, after about 3 s. A master that is gone or frozen is
// replaced after some 3 to 5 s. One that comes back is a master of its own at
// first, without clients, and is made a replica about 10 s later.
func StartSentinel(tb TB) *Sentinel {
	tb.Helper()
	Need(tb)
	s := &Sentinel{MasterName: "mymaster", tb: tb}
	if err := s.start(); err != nil {
		tb.Fatalf("start of a master with sentinels: %v", err)
	}
	return s
}

func (s *Sentinel) start() error {
	master, err := start(s.tb, func(string, int) ([]string, error) { return nil, nil })
	if err != nil {
		return err
	}
	replica, err := start(s.tb, func(string, int) ([]string, error) {
		return []string{"--replicaof", "127.0.0.1 " + strconv.Itoa(master.Port)}, nil
	})
	if err != nil {
		return err
	}
	s.data = []*Server{master, replica}
	// Sentinels look closely at a replica only every 10 s, so what they see
	// first has to be good.
	if err := poll(sentinelTimeout, func() error { return inSync(replica) }); err != nil {
		return err
	}
	for range sentinelCount {
		sentinel, err := startWith(s.tb, s.sentinelArgs)
		if err != nil {
			return err
		}
		s.sentinels = append(s.sentinels, sentinel)
	}
	return poll(sentinelTimeout, s.ready)
}

// sentinelArgs writes the file that a sentinel needs, and rewrites itself with
// what it learns. A sentinel connects again at most once a second, and the
// failover itself closes its connections: with less than that to be down after,
// the new master is taken for lost and replaced by the old one.
func (s *Sentinel) sentinelArgs(dir string, port int) ([]string, error) {
	file := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf(`port %[1]d
bind 127.0.0.1
dir "%[2]s"
sentinel monitor %[3]s 127.0.0.1 %[4]d 2
sentinel down-after-milliseconds %[3]s 1800
sentinel failover-timeout %[3]s 3000
`, port, dir, s.MasterName, s.data[0].Port)
	return []string{file, "--sentinel"}, os.WriteFile(file, []byte(text), 0o600)
}

// ready says whether every sentinel knows the others and a replica that is up.
func (s *Sentinel) ready() error {
	for _, sentinel := range s.sentinels {
		state, err := s.state(sentinel)
		if err != nil {
			return err
		}
		others, replicas := state["num-other-sentinels"], state["num-slaves"]
		if others != strconv.Itoa(sentinelCount-1) || replicas != "1" || state["flags"] != "master" {
			return fmt.Errorf("sentinel %s knows %s others, %s replicas and a master that is %q",
				sentinel.Addr(), others, replicas, state["flags"])
		}
		reply, err := sentinel.Do("SENTINEL", "REPLICAS", s.MasterName)
		if err != nil {
			return err
		}
		list, _ := reply.([]any)
		if len(list) != 1 || pairs(list[0])["master-link-status"] != "ok" {
			return fmt.Errorf("sentinel %s has not seen the replica as linked", sentinel.Addr())
		}
	}
	return nil
}

// state is what a sentinel says of the master.
func (s *Sentinel) state(sentinel *Server) (map[string]string, error) {
	reply, err := sentinel.Do("SENTINEL", "MASTER", s.MasterName)
	return pairs(reply), err
}

// pairs makes a map of a list in which names and values alternate.
func pairs(reply any) map[string]string {
	list, _ := reply.([]any)
	m := make(map[string]string)
	for pair := range slices.Chunk(list, 2) {
		if len(pair) == 2 {
			m[fmt.Sprint(pair[0])] = fmt.Sprint(pair[1])
		}
	}
	return m
}

// SentinelAddrs are the addresses of the sentinels.
func (s *Sentinel) SentinelAddrs() (addrs []string) {
	for _, sentinel := range s.sentinels {
		addrs = append(addrs, sentinel.Addr())
	}
	return addrs
}

// Sentinels are the sentinels, running or not.
func (s *Sentinel) Sentinels() []*Server { return slices.Clone(s.sentinels) }

// Nodes are the two servers with data: first the one that was master at the
// start, then the one that was its replica.
func (s *Sentinel) Nodes() []*Server { return slices.Clone(s.data) }

// Master is what the sentinels hold to be the master. Until they have replaced
// it, that is one that may be gone.
func (s *Sentinel) Master() (master *Server) {
	s.tb.Helper()
	err := poll(sentinelTimeout, func() error {
		master = s.latest()
		if master == nil {
			return errors.New("no sentinel names a server of ours")
		}
		return nil
	})
	if err != nil {
		s.tb.Fatalf("sentinel: %v", err)
	}
	return master
}

// latest is the master of the sentinel that has the newest word on it: the
// others hear of a change a moment later.
func (s *Sentinel) latest() (master *Server) {
	newest := -1
	for _, sentinel := range s.sentinels {
		state, err := s.state(sentinel)
		if err != nil {
			continue
		}
		epoch, err := strconv.Atoi(state["config-epoch"])
		if err != nil || epoch <= newest {
			continue
		}
		// While a failover goes on, only this has the replica that takes over.
		reply, err := sentinel.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.MasterName)
		addr, _ := reply.([]any)
		if err != nil || len(addr) != 2 {
			continue
		}
		if at := find(s.data, net.JoinHostPort(fmt.Sprint(addr[0]), fmt.Sprint(addr[1]))); at != nil {
			newest, master = epoch, at
		}
	}
	return master
}
