package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const maxConns = 8

// store is the database of the shop.
type store struct {
	db    *sql.DB
	path  string
	books int  // rows, fixed once the database is filled
	fresh bool // this start made it
}

// openStore opens the database in folder, and makes and fills it at the first start.
func openStore(ctx context.Context, folder string) (_ *store, err error) {
	path, err := preparePath(folder)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dataSource(path))
	if err != nil {
		return nil, explain(path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(explain(path, err), db.Close())
		}
	}()
	// As many idle as open: to open one costs more than a query.
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	s := &store{db: db, path: path}
	if err := s.checkWhenFree(ctx); err != nil {
		return nil, err
	}
	if s.fresh, err = s.seed(ctx); err != nil {
		return nil, err
	}
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM books").Scan(&s.books)
	return s, err
}

func (s *store) close() error { return s.db.Close() }

// preparePath makes the folder and tries whether it can be written: SQLite keeps files next
// to the database and would name neither the folder nor the reason.
func preparePath(folder string) (string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the data folder: %w (another one: -data)", err)
	}
	probe, err := os.CreateTemp(folder, ".writable-*")
	if err != nil {
		return "", fmt.Errorf("cannot write in the data folder %s: %w (another one: -data)", folder, err)
	}
	return filepath.Join(folder, "books.db"), errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// dataSource spells the path as a URL, so that a '?' or '#' in it stays part of it.
func dataSource(path string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/...
	}
	options := url.Values{
		"_pragma": {"busy_timeout(30000)", "journal_mode(wal)", "synchronous(normal)", "foreign_keys(1)"},
		"_txlock": {"immediate"}, // two programs that start at once seed one after the other
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: options.Encode()}).String()
}

// checkWhenFree waits for another program that starts at the same moment: to switch to the
// write-ahead log, as each connection asks for, does not wait by itself.
func (s *store) checkWhenFree(ctx context.Context) (err error) {
	for range 100 {
		if err = s.check(ctx); resultCode(err) != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return err
}

// check reads the whole file once (it is small): better a clear word now than a page that
// breaks later.
func (s *store) check(ctx context.Context) error {
	var verdict string
	if err := s.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, strings.Join(strings.Fields(verdict), " "))
	}
	return nil
}

var (
	errNotFound = errors.New("not found")
	errDamaged  = errors.New("the file is damaged")
	errForeign  = errors.New("it was made by another program, or by another version of this one")
)

// resultCode is SQLite's primary result code, or 0 for other errors and none.
func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff // the rest is detail
	}
	return 0
}

// explain adds to an error of SQLite which file it is about and what can be done.
func explain(path string, err error) error {
	code := resultCode(err)
	hint := ""
	switch {
	case errors.Is(err, errDamaged), code == sqlite3.SQLITE_CORRUPT, code == sqlite3.SQLITE_NOTADB:
		hint = " (damaged, or no database at all: move the file away and start again, a new one is made; reviews in it are lost)"
	case errors.Is(err, errForeign):
		hint = " (move the file away, or use another folder: -data)"
	case code == sqlite3.SQLITE_READONLY, code == sqlite3.SQLITE_CANTOPEN, code == sqlite3.SQLITE_PERM:
		hint = " (it cannot be written: look at its permissions, or use another folder: -data)"
	case code == sqlite3.SQLITE_BUSY, code == sqlite3.SQLITE_LOCKED:
		hint = " (another program holds it)"
	case code == sqlite3.SQLITE_FULL:
		hint = " (the disk is full)"
	}
	return fmt.Errorf("database %s: %w%s", path, err, hint)
}
