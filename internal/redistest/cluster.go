package redistest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Cluster is a Redis Cluster whose masters hold about as many slots each.
type Cluster struct {
	tb      TB
	masters int
	nodes   []*Server // masters first, at the start
}

const (
	slotCount      = 16384
	clusterTimeout = 20 * time.Second
)

// StartCluster runs a cluster with so many masters, at least 3 for a replica to
// take over, and so many replicas in all. It returns when every node says that
// the cluster is well and every replica has caught up, after about 3 s.
//
// A master that is gone or frozen is replaced after some 2 to 5 s.
func StartCluster(tb TB, masters, replicas int) *Cluster {
	tb.Helper()
	Need(tb)
	c := &Cluster{tb: tb, masters: masters}
	for range masters + replicas {
		node, err := start(tb, clusterArgs)
		if err != nil {
			tb.Fatalf("start of a cluster's node: %v", err)
		}
		c.nodes = append(c.nodes, node)
	}
	if err := c.form(); err != nil {
		tb.Fatalf("start of a cluster: %v", err)
	}
	return c
}

func clusterArgs(string, int) ([]string, error) {
	return []string{
		"--cluster-enabled", "yes",
		"--cluster-node-timeout", "1200",
		// Any replica may take over, however long ago its master was lost.
		"--cluster-replica-validity-factor", "0",
	}, nil
}

// form does what redis-cli --cluster create does, but has all nodes meet each
// other instead of waiting for the news to spread.
func (c *Cluster) form() error {
	for i, node := range c.nodes {
		// Epochs that differ from the start need no conflict to be settled.
		if _, err := node.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1)); err != nil {
			return err
		}
		if i < c.masters {
			from, to := i*slotCount/c.masters, (i+1)*slotCount/c.masters-1
			if _, err := node.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(from), strconv.Itoa(to)); err != nil {
				return err
			}
		}
	}
	for i, node := range c.nodes {
		for _, other := range c.nodes[i+1:] {
			if _, err := node.Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(other.Port)); err != nil {
				return err
			}
		}
	}
	if err := poll(clusterTimeout, func() error { return c.each(c.acquainted) }); err != nil {
		return err
	}
	for i, node := range c.nodes[c.masters:] {
		id, err := c.nodes[i%c.masters].Do("CLUSTER", "MYID")
		if err != nil {
			return err
		}
		if _, err := node.Do("CLUSTER", "REPLICATE", fmt.Sprint(id)); err != nil {
			return err
		}
	}
	return poll(clusterTimeout, func() error { return c.each(c.ready) })
}

// each calls check for every node and returns its first error.
func (c *Cluster) each(check func(*Server) error) error {
	for _, node := range c.nodes {
		if err := check(node); err != nil {
			return fmt.Errorf("node %s: %w", node.Addr(), err)
		}
	}
	return nil
}

// Addrs are the addresses of all nodes.
func (c *Cluster) Addrs() (addrs []string) {
	for _, node := range c.nodes {
		addrs = append(addrs, node.Addr())
	}
	return addrs
}

// Nodes are all nodes, running or not.
func (c *Cluster) Nodes() []*Server { return slices.Clone(c.nodes) }

// Node is the node with an address, nil if there is none.
func (c *Cluster) Node(addr string) *Server { return find(c.nodes, addr) }

func find(servers []*Server, addr string) *Server {
	for _, s := range servers {
		if s.Addr() == addr {
			return s
		}
	}
	return nil
}

// Masters are the nodes that hold slots and answer. While some slots have no
// such node it waits for a replica to take over.
func (c *Cluster) Masters() (masters []*Server) {
	c.tb.Helper()
	c.await(func(claims []claim) error {
		masters = nil
		held := 0
		for _, own := range claims {
			masters = append(masters, own.server)
			held += own.size()
		}
		if held != slotCount {
			return fmt.Errorf("%d of %d slots have a master that answers", held, slotCount)
		}
		return nil
	})
	return masters
}

// MasterOf is the node that holds the slot of a key and answers. While there is
// none it waits for a replica to take over.
func (c *Cluster) MasterOf(key string) (master *Server) {
	c.tb.Helper()
	c.await(func(claims []claim) error {
		if len(claims) == 0 {
			return errors.New("no master answers")
		}
		slot, err := claims[0].server.Do("CLUSTER", "KEYSLOT", key)
		if err != nil {
			return err
		}
		for _, own := range claims {
			if n, ok := slot.(int); ok && own.has(n) {
				master = own.server
				return nil
			}
		}
		return fmt.Errorf("slot %v has no master that answers", slot)
	})
	return master
}

func (c *Cluster) await(enough func([]claim) error) {
	c.tb.Helper()
	if err := poll(clusterTimeout, func() error { return enough(c.claims()) }); err != nil {
		c.tb.Fatalf("cluster: %v", err)
	}
}

// claim is a node's own word on the slots that it holds.
type claim struct {
	server *Server
	nodeLine
}

// claims asks all nodes at the same time, as frozen ones take a second each.
// The newest claims come first: a master that was replaced while it was away
// makes its old claim until it has heard of that.
func (c *Cluster) claims() (claims []claim) {
	var asked sync.WaitGroup
	var mu sync.Mutex
	for _, node := range c.nodes {
		asked.Go(func() {
			lines, err := view(node)
			i := slices.IndexFunc(lines, func(l nodeLine) bool { return l.is("myself") })
			if err != nil || i < 0 || lines[i].size() == 0 {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			claims = append(claims, claim{node, lines[i]})
		})
	}
	asked.Wait()
	slices.SortFunc(claims, func(a, b claim) int { return cmp.Compare(b.epoch, a.epoch) })
	return claims
}
