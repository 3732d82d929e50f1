package redis_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/go-pagecache/pagecache/stores/redisstore"
)

var settingRow = regexp.MustCompile("(?m)^\\| (`[^|]*) \\| ([^|]*) \\| ([^|]*) \\| ")

// TestSettingsAsDocumented holds the table of docs/redis.md to the clients of this
// package and of go-redis.
func TestSettingsAsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	o := &redis.UniversalOptions{Addrs: []string{"127.0.0.1:1"}}
	c := &redis.UniversalOptions{Addrs: o.Addrs, IsClusterMode: true}
	ours, theirs := redisstore.NewClient(o).(*redis.Client), redis.NewUniversalClient(o).(*redis.Client)
	cluster, plain := redisstore.NewClient(c).(*redis.ClusterClient), redis.NewUniversalClient(c).(*redis.ClusterClient)
	for _, client := range []redis.UniversalClient{ours, theirs, cluster, plain} {
		defer client.Close()
	}
	checked := 0
	for _, row := range settingRow.FindAllStringSubmatch(string(text), -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			name = strings.Trim(name, "`")
			own, other := setting(ours.Options(), name), setting(theirs.Options(), name)
			if own == "" {
				own, other = setting(cluster.Options(), name), setting(plain.Options(), name)
			}
			if own == "" || strings.Contains(row[2], " ") {
				continue // not a setting, or in words
			}
			if checked++; own != row[2] || other != row[3] {
				t.Errorf("%s: the documentation says %s and %s for go-redis, got %s and %s", name, row[2], row[3], own, other)
			}
		}
	}
	if checked < 8 {
		t.Errorf("got %d settings in the table, want 8 at least", checked)
	}
}

// setting spells an option, empty if there is none of that name.
func setting(options any, name string) string {
	field := reflect.ValueOf(options).Elem().FieldByName(name)
	if !field.IsValid() {
		return ""
	}
	return fmt.Sprint(field.Interface())
}
