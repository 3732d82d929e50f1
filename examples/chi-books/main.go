// Command chi-books is a small bookshop window: a chi application over an SQLite database,
// with the kind of pages one wants to cache. The routes, and so the caching, are in routes.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// shutdownWait is how long requests under way may take to end once we were told to stop.
const shutdownWait = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal the default is back: a second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)

	err := run(ctx, os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chi-books:", err)
		os.Exit(1)
	}
}

// run is the program without its process: it serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags, err := parseFlags(args, out)
	if err != nil {
		return err
	}
	// The port comes first: it is the likeliest thing to be wrong, and nothing is written yet.
	ln, err := listen(flags.addr)
	if err != nil {
		return err
	}
	defer ln.Close()
	shop, err := openStore(ctx, flags.folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()

	cache, closeCache, err := openCache(ctx, flags.redis, flags.near)
	if err != nil {
		return err
	}
	// The server has stopped by then: nothing waits for the cache any more.
	defer func() { err = errors.Join(err, closeCache(context.WithoutCancel(ctx))) }()

	greet(out, ln.Addr(), shop)
	return serve(ctx, ln, newRouter(&app{store: shop}, cache))
}

// settings are what the command line says.
type settings struct {
	addr, folder, redis string
	near                time.Duration
}

func parseFlags(args []string, out io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("chi-books", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints the error, once
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8080", "`address` to listen on; port 0 picks a free one")
	flags.StringVar(&s.folder, "data", defaultFolder(), "`folder` of the database, made if it is not there")
	flags.StringVar(&s.redis, "redis", "", "`URL` of a Redis in which instances share their pages, such as redis://localhost:6379")
	flags.DurationVar(&s.near, "near", 0, "with -redis: keep copies in memory too, which others' purges reach within this `time`, such as 1s")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(out)
			flags.Usage()
		}
		return s, err
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q; see -help", flags.Arg(0))
	case s.near < 0 || s.near > 0 && s.redis == "":
		return s, fmt.Errorf("-near %v: give a positive time, and -redis, for it is about copies of what lies there", s.near)
	}
	return s, nil
}

// defaultFolder is outside the source tree, so that a clone stays clean.
func defaultFolder() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "pagecache-books")
}

func listen(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %w (another address: -addr 127.0.0.1:8081, any free port: -addr 127.0.0.1:0)", addr, err)
	}
	return ln, nil
}

func greet(out io.Writer, addr net.Addr, shop *store) {
	url := "http://" + browsable(addr)
	made := ""
	if shop.fresh {
		made = ", just made"
	}
	fmt.Fprintf(out, "database: %s (%d books%s)\n", shop.path, shop.books, made)
	fmt.Fprintf(out, "serving:  %s/  (Ctrl-C stops)\n", url)
	fmt.Fprintf(out, "try:      curl -i %s/books/312\n", url)
	fmt.Fprintf(out, "          curl -I %s/books/321\n", url)
}

// browsable turns "every interface" into an address that can be typed into a browser.
func browsable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return fmt.Sprintf("localhost:%d", tcp.Port)
}

func serve(ctx context.Context, ln net.Listener, handler http.Handler) error {
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	// ctx is over, so waiting for the requests under way needs a context of its own.
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	if err := srv.Shutdown(wait); err != nil {
		return errors.Join(fmt.Errorf("stopped with requests under way: %w", err), srv.Close())
	}
	return nil
}
