package byterange

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"testing"
)

func TestWriteMultipart(t *testing.T) {
	t.Parallel()
	body := []byte("0123456789")
	tests := []struct {
		name        string
		contentType string
		wantType    string
		ranges      []Range
	}{
		{"two", "text/plain; charset=utf-8", "text/plain; charset=utf-8", []Range{{0, 2}, {7, 10}}},
		{"one", "text/plain", "text/plain", []Range{{9, 10}}},
		{"overlapping", "a/b", "a/b", []Range{{0, 5}, {2, 6}}},
		{"no type", "", "", []Range{{0, 1}, {1, 2}}},
		{"line ends in type", "a/b\r\nX: y", "a/b  X: y", []Range{{0, 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			boundary := Boundary()
			var buf bytes.Buffer
			if err := WriteMultipart(&buf, body, tt.contentType, tt.ranges, boundary); err != nil {
				t.Fatal(err)
			}
			if got, want := MultipartSize(int64(len(body)), tt.contentType, tt.ranges, boundary), int64(buf.Len()); got != want {
				t.Errorf("got size %d, want %d", got, want)
			}
			checkParts(t, &buf, MultipartType(boundary), body, tt.wantType, tt.ranges)
		})
	}
}

// checkParts reads a multipart body back with the standard library.
func checkParts(t *testing.T, r io.Reader, mediaType string, body []byte, contentType string, ranges []Range) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(mediaType)
	if err != nil || kind != "multipart/byteranges" {
		t.Fatalf("got type %q, %v", mediaType, err)
	}
	mr := multipart.NewReader(r, params["boundary"])
	for _, want := range ranges {
		part, err := mr.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		if got := part.Header.Get("Content-Type"); got != contentType {
			t.Errorf("got Content-Type %q, want %q", got, contentType)
		}
		if got := part.Header.Get("Content-Range"); got != ContentRange(want, int64(len(body))) {
			t.Errorf("got Content-Range %q, want that of %v", got, want)
		}
		if got, err := io.ReadAll(part); err != nil || string(got) != string(body[want.Start:want.End]) {
			t.Errorf("got %q, %v, want %q", got, err, body[want.Start:want.End])
		}
	}
	if _, err := mr.NextRawPart(); err != io.EOF {
		t.Errorf("got %v behind the last part, want EOF", err)
	}
}

func TestWriteMultipartOutside(t *testing.T) {
	t.Parallel()
	for _, r := range []Range{{-1, 2}, {0, 11}, {5, 4}, {11, 12}} {
		var buf bytes.Buffer
		err := WriteMultipart(&buf, make([]byte, 10), "", []Range{{0, 1}, r}, "b")
		if !errors.Is(err, errOutside) || buf.Len() != 0 {
			t.Errorf("%v: got %v and %d bytes, want an error and none", r, err, buf.Len())
		}
	}
}

// failingWriter fails at its nth write.
type failingWriter struct{ n int }

func (w *failingWriter) Write(p []byte) (int, error) {
	w.n--
	if w.n < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestWriteMultipartError(t *testing.T) {
	t.Parallel()
	for n := range 3 {
		err := WriteMultipart(&failingWriter{n}, make([]byte, 10), "", []Range{{0, 1}}, "b")
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("failing after %d writes: got %v, want that error", n, err)
		}
	}
}

func TestBoundary(t *testing.T) {
	t.Parallel()
	if a, b := Boundary(), Boundary(); a == b || len(a) < 20 || len(a) > 70 {
		t.Errorf("got %q and %q, want two different ones of 20 to 70 bytes", a, b)
	}
}
