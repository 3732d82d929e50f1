package redistest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// nodeLine is what one node says of another, or of itself, in CLUSTER NODES.
type nodeLine struct {
	flags  []string
	epoch  int
	linked bool
	slots  [][2]int // first and last of each range
}

func (l nodeLine) is(flag string) bool { return slices.Contains(l.flags, flag) }

// size is the number of slots.
func (l nodeLine) size() (n int) {
	for _, r := range l.slots {
		n += r[1] - r[0] + 1
	}
	return n
}

func (l nodeLine) has(slot int) bool {
	return slices.ContainsFunc(l.slots, func(r [2]int) bool { return r[0] <= slot && slot <= r[1] })
}

// view is a node's view of the cluster.
func view(node *Server) (lines []nodeLine, err error) {
	reply, err := node.Do("CLUSTER", "NODES")
	if err != nil {
		return nil, err
	}
	for text := range strings.Lines(fmt.Sprint(reply)) {
		line, err := parseNode(text)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// parseNode reads "id address flags master ping pong epoch link slots...".
func parseNode(text string) (line nodeLine, err error) {
	words := strings.Fields(text)
	if len(words) < 8 {
		return line, fmt.Errorf("no line of CLUSTER NODES: %q", text)
	}
	line.flags = strings.Split(words[2], ",")
	line.linked = words[7] == "connected"
	if line.epoch, err = strconv.Atoi(words[6]); err != nil {
		return line, err
	}
	for _, word := range words[8:] {
		if strings.HasPrefix(word, "[") {
			continue // a slot on its way to another node
		}
		first, last, ok := strings.Cut(word, "-")
		if !ok {
			last = first
		}
		from, errFrom := strconv.Atoi(first)
		to, errTo := strconv.Atoi(last)
		if err := errors.Join(errFrom, errTo); err != nil {
			return line, err
		}
		line.slots = append(line.slots, [2]int{from, to})
	}
	return line, nil
}

// acquainted says whether a node knows all others by name.
func (c *Cluster) acquainted(node *Server) error {
	lines, err := view(node)
	if err != nil {
		return err
	}
	if len(lines) != len(c.nodes) {
		return fmt.Errorf("knows %d nodes of %d", len(lines), len(c.nodes))
	}
	for _, line := range lines {
		if line.is("handshake") || !line.linked && !line.is("myself") {
			return errors.New("has not met all nodes")
		}
	}
	return nil
}

// ready says whether a node finds the cluster well and, if it is a replica, has
// caught up with its master.
func (c *Cluster) ready(node *Server) error {
	if err := c.acquainted(node); err != nil {
		return err
	}
	lines, err := view(node)
	if err != nil {
		return err
	}
	replicas := 0
	for _, line := range lines {
		if line.is("fail?") || line.is("fail") {
			return errors.New("takes another for failed")
		}
		if line.is("slave") {
			replicas++
		}
	}
	if want := len(c.nodes) - c.masters; replicas != want {
		return fmt.Errorf("knows %d replicas of %d", replicas, want)
	}
	if err := says(node, "cluster_state:ok", "CLUSTER", "INFO"); err != nil {
		return err
	}
	return inSync(node)
}

// inSync says whether a server is a master, or a replica that has caught up.
func inSync(s *Server) error {
	if says(s, "role:master", "INFO", "replication") == nil {
		return nil
	}
	return says(s, "master_link_status:up", "INFO", "replication")
}

// says is whether the reply to a command has a certain line.
func says(s *Server, line string, command ...string) error {
	reply, err := s.Do(command...)
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(fmt.Sprint(reply)), line) {
		return fmt.Errorf("%s does not say %q", strings.Join(command, " "), line)
	}
	return nil
}
