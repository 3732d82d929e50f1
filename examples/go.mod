module github.com/go-pagecache/pagecache/examples

go 1.26

require github.com/go-pagecache/pagecache v0.0.0

replace github.com/go-pagecache/pagecache => ../
