package byterange

import (
	"crypto/rand"
	"errors"
	"io"
	"strings"
)

// errOutside guards against ranges that were parsed for another body.
var errOutside = errors.New("byterange: range outside of the body")

// Boundary returns a new random boundary. It is unguessable, so nobody can
// prepare a body that contains it.
func Boundary() string { return rand.Text() }

// MultipartType returns the Content-Type of a multipart answer.
func MultipartType(boundary string) string {
	return "multipart/byteranges; boundary=" + boundary
}

// WriteMultipart writes the ranges of body as multipart/byteranges (RFC 9110
// section 14.6). Each part has the given Content-Type, or none if it is empty.
// Nothing is written if a range is not within body.
func WriteMultipart(w io.Writer, body []byte, contentType string, ranges []Range, boundary string) error {
	size := int64(len(body))
	if !within(ranges, size) {
		return errOutside
	}
	var buf []byte
	for _, r := range ranges {
		buf = appendPartHeader(buf[:0], r, size, contentType, boundary)
		if _, err := w.Write(buf); err != nil {
			return err
		}
		if _, err := w.Write(body[r.Start:r.End]); err != nil {
			return err
		}
	}
	_, err := w.Write(appendEnd(buf[:0], boundary))
	return err
}

// MultipartSize returns how many bytes [WriteMultipart] will write for a body
// of size bytes: the Content-Length of the answer.
func MultipartSize(size int64, contentType string, ranges []Range, boundary string) int64 {
	var buf []byte
	total := int64(0)
	for _, r := range ranges {
		buf = appendPartHeader(buf[:0], r, size, contentType, boundary)
		total += int64(len(buf)) + r.Len()
	}
	return total + int64(len(appendEnd(buf[:0], boundary)))
}

func within(ranges []Range, size int64) bool {
	for _, r := range ranges {
		if r.Start < 0 || r.End < r.Start || r.End > size {
			return false
		}
	}
	return true
}

// appendPartHeader appends the delimiter and the header of one part. The line
// end in front of the first delimiter is an empty preamble (RFC 2046 section
// 5.1.1).
func appendPartHeader(b []byte, r Range, size int64, contentType, boundary string) []byte {
	b = append(b, "\r\n--"...)
	b = append(b, boundary...)
	if contentType != "" {
		b = append(b, "\r\nContent-Type: "...)
		b = append(b, oneLine(contentType)...)
	}
	b = append(b, "\r\nContent-Range: "...)
	b = appendContentRange(b, r, size)
	return append(b, "\r\n\r\n"...)
}

// appendEnd appends the closing delimiter.
func appendEnd(b []byte, boundary string) []byte {
	b = append(b, "\r\n--"...)
	b = append(b, boundary...)
	return append(b, "--\r\n"...)
}

// oneLine does for a part what net/http does for a response header: a line end
// in the value must not start another field.
func oneLine(value string) string {
	return strings.ReplaceAll(strings.ReplaceAll(value, "\r", " "), "\n", " ")
}
