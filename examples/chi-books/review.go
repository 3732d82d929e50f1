package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxReview = 2000 // characters

	// maxForm holds the longest review in the worst spelling of a form: a character of
	// four bytes is twelve bytes there (%F0%9F%93%96).
	maxForm = 12*maxReview + 4<<10
)

// reviewForm is what was typed and what is wrong with it; both empty for a fresh form.
type reviewForm struct {
	Text    string
	Problem string
}

func (a *app) postReview(w http.ResponseWriter, r *http.Request) {
	id, ok := a.id(w, r)
	if !ok {
		return
	}
	form, ok := a.readReview(w, r)
	if !ok {
		return
	}
	if form.Problem != "" {
		a.bookPage(w, r, http.StatusUnprocessableEntity, id, form)
		return
	}
	if err := a.store.addReview(r.Context(), id, form.Text); err != nil {
		a.lookupFailed(w, r, err, "There is no book with this number.")
		return
	}
	// The route invalidates the pages that this changes, before the redirect is sent.
	http.Redirect(w, r, fmt.Sprintf("/books/%d#reviews", id), http.StatusSeeOther)
}

// readReview takes the form apart; false means that the answer has been sent already.
func (a *app) readReview(w http.ResponseWriter, r *http.Request) (reviewForm, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			a.fail(w, r, http.StatusRequestEntityTooLarge, fmt.Sprintf("A review has at most %d characters.", maxReview))
			return reviewForm{}, false
		}
		a.fail(w, r, http.StatusBadRequest, "This form could not be read.")
		return reviewForm{}, false
	}
	return checkReview(r.PostForm.Get("text")), true
}

func checkReview(raw string) reviewForm {
	form := reviewForm{Text: cleanText(raw)}
	switch n := utf8.RuneCountInString(form.Text); {
	case n == 0:
		form.Problem = "Please write something first."
	case n > maxReview:
		form.Problem = fmt.Sprintf("Please keep it to %d characters; these are %d.", maxReview, n)
	}
	return form
}

// cleanText undoes the form's line ends and drops what cannot be seen.
func cleanText(raw string) string {
	text := strings.ReplaceAll(strings.ToValidUTF8(raw, ""), "\r\n", "\n")
	text = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return -1
		}
		return c
	}, text)
	return strings.TrimSpace(text)
}
