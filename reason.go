package pagecache

// Reason says why a response did not come from the cache, or was not stored.
// It is one lower-case token of a closed list, see [Reasons]; the same token
// stands in Cache-Status (as detail; method as fwd), in [Event], in [Stats] and in
// docs/reasons.md. The empty Reason means that there is nothing to explain.
type Reason string

// Requests that go past the cache.
const (
	reasonDisabled       Reason = "disabled"
	reasonClosed         Reason = "closed"
	reasonSkip           Reason = "skip"
	reasonMethod         Reason = "method"
	reasonMethodOverride Reason = "method-override"
	reasonRequestBody    Reason = "request-body"
	reasonTargetTooLong  Reason = "target-too-long"
	reasonAuthorization  Reason = "authorization"
	reasonIdentity       Reason = "identity"
	reasonClientCert     Reason = "client-certificate"
	reasonCookie         Reason = "cookie"
	reasonUpgrade        Reason = "upgrade"
	reasonEventStream    Reason = "event-stream"
	reasonKeyError       Reason = "key-error"
	reasonPrecondition   Reason = "precondition"
	reasonRange          Reason = "range"
	reasonHead           Reason = "head"
)

// Responses that are not stored.
const (
	reasonControl         Reason = "control"
	reasonTags            Reason = "tags"
	reasonRefused         Reason = "refused"
	reasonSetCookie       Reason = "set-cookie"
	reasonNoStore         Reason = "no-store"
	reasonPrivate         Reason = "private"
	reasonNoCache         Reason = "no-cache"
	reasonVaryStar        Reason = "vary-star"
	reasonVaryUnkeyed     Reason = "vary-unkeyed"
	reasonVaryTooMany     Reason = "vary-too-many"
	reasonVariantsFull    Reason = "variants-full"
	reasonStatus          Reason = "status"
	reasonNoFreshness     Reason = "no-freshness"
	reasonTTLZero         Reason = "ttl-zero"
	reasonCSPNonce        Reason = "csp-nonce"
	reasonClearSiteData   Reason = "clear-site-data"
	reasonConnection      Reason = "connection-field"
	reasonTooLarge        Reason = "too-large"
	reasonHeaderTooLarge  Reason = "header-too-large"
	reasonRecordingBudget Reason = "recording-budget"
	reasonStreaming       Reason = "streaming"
	reasonHijacked        Reason = "hijacked"
	reasonTrailers        Reason = "trailers"
	reasonHandlerSilent   Reason = "handler-silent"
	reasonHandlerPanic    Reason = "handler-panic"
	reasonLateError       Reason = "late-error"
	reasonDeadline        Reason = "deadline"
	reasonClientGone      Reason = "client-gone"
	reasonBrokenSource    Reason = "broken-source"
	reasonLengthMismatch  Reason = "length-mismatch"
	reasonSuperseded      Reason = "superseded"
	reasonInvalidated     Reason = "invalidated"
	reasonStoreError      Reason = "store-error"
)

// Answers that deserve a word although the cache did its work.
const (
	reasonNegative             Reason = "negative"
	reasonHitForMiss           Reason = "hit-for-miss"
	reasonWaitTimeout          Reason = "wait-timeout"
	reasonStaleWhileRevalidate Reason = "stale-while-revalidate"
	reasonUpdating             Reason = "updating"
	reasonStaleIfError         Reason = "stale-if-error"
	reasonRefresh              Reason = "refresh"
	reasonWriteBack            Reason = "write-back"
)

// sentences holds, in the order of [Reasons], what each token means and what
// to do about it.
var sentences = []struct {
	reason Reason
	text   string
}{
	{reasonDisabled, "The route or the cache is switched off with Off(true)."},
	{reasonClosed, "The cache was closed; requests go straight to the handler."},
	{reasonSkip, "A Skip function of this route asked to go past the cache."},
	{reasonMethod, "Only GET and HEAD are cached."},
	{reasonMethodOverride, "The request carries a method override field, so its real method is unknown."},
	{reasonRequestBody, "The request has a body, which is not part of the key."},
	{reasonTargetTooLong, "The request target is longer than Policy.MaxTarget."},
	{reasonAuthorization, "The request carries credentials; only Key(Header(\"Authorization\")) lets it in, with pages for each value."},
	{reasonIdentity, "The request carries a field that names a user or a tenant; only Key(Header(name)) lets it in, with pages for each value."},
	{reasonClientCert, "The client showed a TLS certificate. Key(ClientCertificate()) caches a page per certificate."},
	{reasonCookie, "The request carries a cookie that is neither ignored nor part of the key. Use IgnoreCookies or Key(Cookie(name))."},
	{reasonUpgrade, "The request asks for another protocol."},
	{reasonEventStream, "The request accepts an event stream."},
	{reasonKeyError, "A part of the key could not be had: an absent path value, an empty KeyFunc result, or a KeyFunc that panicked."},
	{reasonPrecondition, "The request has If-Match or If-Unmodified-Since, which only the handler can judge."},
	{reasonRange, "The request asks for a range of a page that is not stored; ranges are served from stored pages only."},
	{reasonHead, "A HEAD request found nothing stored; only a GET fills the cache."},
	{reasonControl, "The handler called Control.NoStore."},
	{reasonTags, "The page was given more tags than Policy.MaxTags, or something that is no tag, so that it could not be purged by all it was made from; the log says which."},
	{reasonRefused, "A Refuse function of this route refused the response."},
	{reasonSetCookie, "The response sets a cookie, which makes it personal. Set it in another route."},
	{reasonNoStore, "The response says Cache-Control: no-store."},
	{reasonPrivate, "The response says Cache-Control: private."},
	{reasonNoCache, "The response says Cache-Control: no-cache."},
	{reasonVaryStar, "The response says Vary: *, or a Vary that cannot be read, so no other request can be known to match it."},
	{reasonVaryUnkeyed, "The response varies on Cookie or on an identity field that is not part of the key."},
	{reasonVaryTooMany, "The response varies on more fields than Policy.MaxVary."},
	{reasonVariantsFull, "The page already has Policy.MaxVariants fresh variants."},
	{reasonStatus, "Responses of this status are not stored without NegativeTTL; some are when they state a lifetime."},
	{reasonNoFreshness, "The route has no TTL and the response states no lifetime."},
	{reasonTTLZero, "The response's own lifetime, or Control.TTL, is zero or already over."},
	{reasonCSPNonce, "The response's Content-Security-Policy holds a nonce, which must not be repeated. Policy.StoreNonce allows it."},
	{reasonClearSiteData, "The response says Clear-Site-Data, which is meant for one client."},
	{reasonConnection, "The response's Connection field names a field that must not be dropped."},
	{reasonTooLarge, "The body is larger than MaxBody, or the page larger than what the store keeps of one: an eighth of a memstore."},
	{reasonHeaderTooLarge, "The header section is larger than Policy.MaxHeader or has more fields than Policy.MaxFields."},
	{reasonRecordingBudget, "Too many responses are being recorded at once; see Policy.MaxRecording."},
	{reasonStreaming, "The handler flushed, or sent an event stream, so the response was passed on as it came."},
	{reasonHijacked, "The handler took over the connection."},
	{reasonTrailers, "The response has trailers."},
	{reasonHandlerSilent, "The handler returned without writing anything."},
	{reasonHandlerPanic, "The handler did not return normally."},
	{reasonLateError, "WriteHeader was called with an error status after the response had begun, as recovering middleware does, so the page may be cut short."},
	{reasonDeadline, "The handler ended after its context's deadline, so the page may be cut short."},
	{reasonClientGone, "The client went away and the handler's context was cancelled before it ended."},
	{reasonBrokenSource, "The handler copied the body from a source that failed on the way, so the page is cut short."},
	{reasonLengthMismatch, "The body does not have the length that Content-Length declares."},
	{reasonSuperseded, "A page whose handler started later was stored meanwhile."},
	{reasonInvalidated, "The page was purged while its handler ran; beside fwd=method: the request succeeded, so the stored pages of its URI are purged."},
	{reasonStoreError, "The store failed or did not answer in time; the site answers as if there were no cache."},
	{reasonNegative, "A stored response of an error status, see NegativeTTL."},
	{reasonHitForMiss, "This page was not storable a moment ago, so nobody waits for it; it is stored as soon as it can be."},
	{reasonWaitTimeout, "The request waited Policy.MaxWait for another one's response and then ran the handler itself."},
	{reasonStaleWhileRevalidate, "The page is no longer fresh and is being made anew in the background, or will be: by the next GET, or when its handler, which failed, may be tried again."},
	{reasonUpdating, "The page is no longer fresh and another request is having it made anew, or Policy.MaxRefreshes are under way."},
	{reasonStaleIfError, "The handler failed, now or a moment ago, and the old page is served instead."},
	{reasonRefresh, "Policy.ForceRefresh asked for a new page."},
	{reasonWriteBack, "The page is written to the store after this response, see Policy.WriteBack."},
}

// Reasons lists every [Reason].
func Reasons() []Reason {
	list := make([]Reason, len(sentences))
	for i, s := range sentences {
		list[i] = s.reason
	}
	return list
}

// Explain returns one sentence that says what the reason means and, where
// there is one, the way out. It is empty for a Reason that is not on the list.
func (r Reason) Explain() string {
	for _, s := range sentences {
		if s.reason == r {
			return s.text
		}
	}
	return ""
}
