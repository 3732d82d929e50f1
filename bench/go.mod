module github.com/go-pagecache/pagecache/bench

go 1.26.0

require (
	github.com/go-pagecache/pagecache v0.0.0
	github.com/patrickmn/go-cache v2.1.0+incompatible
)

require (
	github.com/go-chi/chi/v5 v5.5.0 // indirect
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/sony/gobreaker/v2 v2.4.0 // indirect
)

replace github.com/go-pagecache/pagecache => ../
