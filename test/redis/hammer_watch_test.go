//go:build linux

package redis_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"time"
)

// askOver asks a member over the network, as the test does.
func (p *process) askOver(b *board, client *http.Client) func(method, target, language string) (answer, error) {
	return func(method, target, language string) (got answer, err error) {
		url := fmt.Sprintf("http://127.0.0.1:%d%s", b.desks[p.Desk].port.Load(), target)
		r, err := http.NewRequest(method, url, nil)
		if err != nil {
			return got, err
		}
		r.Host = "example.com" // as in process, so that the pages are the same
		r.Header.Set("Accept-Language", language)
		return fetch(client, r)
	}
}

// watch asks a member over the network until the board says stop. Requests that a
// frozen or killed member does not answer do not count.
func (p *process) watch(b *board, near time.Duration) {
	output, err := os.OpenFile(p.output, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		panic(err) // the member has just made it
	}
	defer output.Close()
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	h := &hitter{board: b, desk: &b.desks[ourDesk], near: near, ask: p.askOver(b, client), to: output}
	for !b.stop.Load() {
		h.read(rand.IntN(len(siteRoutes)), rand.IntN(perRoute))
		time.Sleep(time.Millisecond)
	}
}

// fetch reads an answer to its end.
func fetch(client *http.Client, r *http.Request) (got answer, err error) {
	response, err := client.Do(r)
	if err != nil {
		return got, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, string(body), response.Header.Get("Cache-Status")}, err
}
