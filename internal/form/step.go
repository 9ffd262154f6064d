package form

import (
	"encoding/json"
	"strconv"
)

// The tools of steps.  Each does nothing where the tree is not what it works
// on: what is wrong with a document is said once, when it is held against its
// type after the last step.

// At is what lies at a path of names below tree, nil where there is nothing.
func At(tree any, path ...string) any {
	for _, name := range path {
		m, _ := tree.(map[string]any)
		tree = m[name]
	}
	return tree
}

// List is tree where it is a list.
func List(tree any) []any {
	list, _ := tree.([]any)
	return list
}

// Fill sets the fields that an object lacks.  Whole numbers may be given as int.
func Fill(tree any, fields map[string]any) {
	m, ok := tree.(map[string]any)
	if !ok {
		return
	}
	for name, v := range fields {
		if _, there := m[name]; there {
			continue
		}
		if n, ok := v.(int); ok {
			v = json.Number(strconv.Itoa(n))
		}
		m[name] = v
	}
}

// Rename gives fields of an object new names: old, new, old, new.  A field whose
// new name is taken stays, and is told as unknown later.
func Rename(tree any, names ...string) {
	m, ok := tree.(map[string]any)
	if !ok {
		return
	}
	for i := 0; i+1 < len(names); i += 2 {
		v, there := m[names[i]]
		if _, taken := m[names[i+1]]; !there || taken {
			continue
		}
		delete(m, names[i])
		m[names[i+1]] = v
	}
}
