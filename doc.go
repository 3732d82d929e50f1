// Package pagecache caches HTTP responses: net/http middleware and handler decorator.
package pagecache
