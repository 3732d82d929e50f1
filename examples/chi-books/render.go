package main

import (
	"bytes"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

//go:embed templates
var files embed.FS

// page is what every template gets.
type page struct {
	Title string
	Query string // what the search box shows
	Data  any
	Built time.Time
}

// templates has each page with the layout around it, parsed once.
var templates = parseTemplates("home.html", "book.html", "author.html", "search.html", "error.html")

func parseTemplates(names ...string) map[string]*template.Template {
	funcs := template.FuncMap{"heading": heading}
	set := make(map[string]*template.Template, len(names))
	for _, name := range names {
		set[name] = template.Must(template.New(name).Funcs(funcs).ParseFS(files,
			"templates/layout.html", "templates/parts.html", "templates/"+name))
	}
	return set
}

// heading shows a catalogue heading the way it reads: "Sisters -- Fiction" is "Sisters – Fiction".
func heading(s string) string { return strings.ReplaceAll(s, " -- ", " – ") }

// render writes the page in one piece: a template that fails half way leaves no half page.
func render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	// The time at the foot of a page shows at a glance whether it was made just now.
	p.Built = time.Now().UTC()
	var buf bytes.Buffer
	if err := templates[name].ExecuteTemplate(&buf, "layout.html", p); err != nil {
		slog.ErrorContext(r.Context(), "template failed", "template", name, "error", err)
		http.Error(w, "Something went wrong here.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // an error here is a visitor who has gone
}
