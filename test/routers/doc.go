// Package routers tests that pagecache serves and stores the right pages on each
// router while it refreshes them: many routers lend a request its context and
// take it back when the request has been answered, so that a handler which runs
// later would make the page of somebody else. It is a module of its own, so that
// nobody who imports pagecache gets the routers.
package routers
