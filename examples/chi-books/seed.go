package main

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// schemaVersion is kept in the file. It changes whenever schema or books.csv does.
const schemaVersion = 1

const schema = `
CREATE TABLE authors (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
);
CREATE TABLE books (
	id        INTEGER PRIMARY KEY,
	ebook     INTEGER NOT NULL UNIQUE,
	title     TEXT NOT NULL,
	author_id INTEGER NOT NULL REFERENCES authors,
	year      INTEGER
);
CREATE INDEX books_by_author ON books (author_id);
CREATE TABLE subjects (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
);
CREATE TABLE book_subjects (
	book_id    INTEGER NOT NULL REFERENCES books,
	subject_id INTEGER NOT NULL REFERENCES subjects,
	PRIMARY KEY (book_id, subject_id)
) WITHOUT ROWID;
CREATE INDEX books_by_subject ON book_subjects (subject_id);
CREATE TABLE reviews (
	id      INTEGER PRIMARY KEY,
	book_id INTEGER NOT NULL REFERENCES books,
	text    TEXT NOT NULL,
	written INTEGER NOT NULL -- Unix seconds
);
CREATE INDEX reviews_by_book ON reviews (book_id);
CREATE VIRTUAL TABLE book_words USING fts5 (
	title, author, subjects, tokenize = "unicode61 remove_diacritics 2"
);`

//go:embed books.csv
var booksCSV string

// seed fills an empty database. All of it is one transaction: a start that is cut off leaves
// an empty file, which the next start fills.
func (s *store) seed(ctx context.Context) (fresh bool, err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // does nothing after Commit

	var version, tables int
	err = tx.QueryRowContext(ctx, "SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)").Scan(&version, &tables)
	switch {
	case err != nil:
		return false, err
	case version == schemaVersion && tables > 0:
		return false, nil
	case version != 0 || tables > 0:
		return false, errForeign
	}
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return false, err
	}
	if err := fill(ctx, tx); err != nil {
		return false, err
	}
	// A pragma takes no parameters.
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion)); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

// catalogueRow is one line of books.csv.
type catalogueRow struct {
	ebook, year   int // year 0: not known
	title, author string
	subjects      []string
}

func fill(ctx context.Context, tx *sql.Tx) error {
	rows, err := readCatalogue(booksCSV)
	if err != nil {
		return err
	}
	for i, row := range rows {
		if err := insertBook(ctx, tx, int64(i+1), row); err != nil {
			return fmt.Errorf("book %d: %w", i+1, err)
		}
	}
	return nil
}

func insertBook(ctx context.Context, tx *sql.Tx, id int64, row catalogueRow) error {
	author, err := named(ctx, tx, "authors", row.author)
	if err != nil {
		return err
	}
	year := sql.NullInt64{Int64: int64(row.year), Valid: row.year != 0}
	if _, err := tx.ExecContext(ctx, "INSERT INTO books (id, ebook, title, author_id, year) VALUES (?, ?, ?, ?, ?)",
		id, row.ebook, row.title, author, year); err != nil {
		return err
	}
	for _, name := range row.subjects {
		subject, err := named(ctx, tx, "subjects", name)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO book_subjects (book_id, subject_id) VALUES (?, ?)", id, subject); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO book_words (rowid, title, author, subjects) VALUES (?, ?, ?, ?)",
		id, row.title, row.author, strings.Join(row.subjects, "\n"))
	return err
}

// named finds or makes the row of a table of names. The table's name is ours, never a visitor's.
func named(ctx context.Context, tx *sql.Tx, table, name string) (id int64, err error) {
	err = tx.QueryRowContext(ctx, "INSERT INTO "+table+" (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name RETURNING id", name).Scan(&id)
	return id, err
}

// readCatalogue reads books.csv; '#' starts a comment line, the first other line names the columns.
func readCatalogue(text string) ([]catalogueRow, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	r.FieldsPerRecord = 5
	if _, err := r.Read(); err != nil {
		return nil, fmt.Errorf("books.csv: %w", err)
	}
	var rows []catalogueRow
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("books.csv: %w", err)
		}
		row, err := parseRow(fields)
		if err != nil {
			return nil, fmt.Errorf("books.csv, book %d: %w", len(rows)+1, err)
		}
		rows = append(rows, row)
	}
}

func parseRow(fields []string) (row catalogueRow, err error) {
	row.title, row.author = fields[1], fields[2]
	if row.ebook, err = strconv.Atoi(fields[0]); err != nil {
		return row, err
	}
	if fields[3] != "" {
		if row.year, err = strconv.Atoi(fields[3]); err != nil {
			return row, err
		}
	}
	row.subjects = strings.Split(fields[4], "|")
	return row, nil
}
