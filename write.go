package pagecache

import (
	"net/http"
	"strconv"

	"github.com/go-pagecache/pagecache/internal/byterange"
)

// writeEntry sends a stored response whose fields stand in w's header map
// already. It answers the request's conditions and ranges. Where middleware
// outside has announced that it encodes the body, neither its length nor a part
// of it is ours to tell.
//
// It returns the status sent.
func writeEntry(w http.ResponseWriter, r *http.Request, e *entry, a admission, encodedOutside bool) (status int) {
	if encodedOutside {
		delete(w.Header(), "Content-Length")
		a.flags &^= ranged
	}
	if e.status == http.StatusOK && a.flags&(conditional|ranged) != 0 {
		if status := writePart(w, r, e, a); status != 0 {
			return status
		}
	}
	if r.Method == http.MethodHead || len(e.body) == 0 || !hasBody(e.status) {
		w.WriteHeader(e.status)
		return e.status
	}
	if e.status != http.StatusOK {
		w.WriteHeader(e.status)
	}
	_, _ = w.Write(e.body) // a lost client is the server's to notice
	return e.status
}

// writePart answers a condition with 304, or a range with 206 or 416. It
// returns 0 when the whole response is to be sent.
func writePart(w http.ResponseWriter, r *http.Request, e *entry, a admission) (status int) {
	h := w.Header()
	if a.has(conditional) && notModified(r.Header, e.etag, e.modified) {
		sendNotModified(w, h)
		return http.StatusNotModified
	}
	if !a.has(ranged) || r.Method != http.MethodGet {
		return 0
	}
	lines := r.Header["Range"]
	if len(lines) != 1 || !rangeApplies(r.Header, e.etag, e.dated) {
		return 0
	}
	size := int64(len(e.body))
	ranges, verdict := byterange.Parse(lines[0], size)
	switch {
	case verdict == byterange.Unsatisfiable:
		h["Content-Range"] = []string{byterange.Unsatisfied(size)}
		for _, name := range [...]string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control", "Expires", "Etag", "Last-Modified"} {
			delete(h, name)
		}
		h["Content-Length"] = []string{"0"}
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return http.StatusRequestedRangeNotSatisfiable
	case verdict != byterange.Satisfiable:
		return 0
	case len(ranges) == 1:
		writeRange(w, h, e.body, ranges[0])
	default:
		writeRanges(w, h, e.body, ranges)
	}
	return http.StatusPartialContent
}

func writeRange(w http.ResponseWriter, h http.Header, body []byte, part byterange.Range) {
	h["Content-Range"] = []string{byterange.ContentRange(part, int64(len(body)))}
	h["Content-Length"] = []string{strconv.FormatInt(part.Len(), 10)}
	w.WriteHeader(http.StatusPartialContent)
	_, _ = w.Write(body[part.Start:part.End])
}

func writeRanges(w http.ResponseWriter, h http.Header, body []byte, parts []byterange.Range) {
	boundary, contentType := byterange.Boundary(), first(h["Content-Type"])
	h["Content-Type"] = []string{byterange.MultipartType(boundary)}
	h["Content-Length"] = []string{strconv.FormatInt(byterange.MultipartSize(int64(len(body)), contentType, parts, boundary), 10)}
	w.WriteHeader(http.StatusPartialContent)
	_ = byterange.WriteMultipart(w, body, contentType, parts, boundary)
}

func first(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[0]
}
