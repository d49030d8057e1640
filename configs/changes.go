package configs

import (
	"fmt"
	"reflect"
	"strings"
)

// Changes are the paths at which two configurations differ, as Problem.Path writes them, in the order of the shipped file.
// A list that has become longer or shorter, and a map, is one path.
func Changes(before, after *Config) []string {
	var paths []string
	differences("", reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem(), &paths)
	return paths
}

func differences(path string, a, b reflect.Value, paths *[]string) {
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return
	}
	switch {
	case a.Kind() == reflect.Struct && named(a.Type()):
		for i := range a.NumField() {
			key, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("yaml"), ",")
			if key == "-" {
				continue
			}
			if path != "" {
				key = path + "." + key
			}
			differences(key, a.Field(i), b.Field(i), paths)
		}
	case a.Kind() == reflect.Slice && a.Len() == b.Len() && a.Type().Elem().Kind() == reflect.Struct:
		for i := range a.Len() {
			differences(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i), paths)
		}
	default:
		*paths = append(*paths, path)
	}
}

// named says whether the keys of a struct are those of the file; that of an address or a time is one value.
func named(t reflect.Type) bool {
	return t.NumField() > 0 && t.Field(0).Tag.Get("yaml") != ""
}
