package main

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// list describes the exported names of a package, one on each line.
func list(pkg *types.Package) string {
	var lines []string
	scope := pkg.Scope()
	for _, name := range scope.Names() {
		if object := scope.Lookup(name); object.Exported() {
			lines = append(lines, describe(object)...)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// describe returns the lines for one name of a package.
func describe(object types.Object) []string {
	short := types.RelativeTo(object.Pkg())
	line := types.ObjectString(object, short)
	switch o := object.(type) {
	case *types.Const:
		return []string{line + " = " + o.Val().ExactString()}
	case *types.TypeName:
		named, ok := o.Type().(*types.Named)
		if !ok || o.IsAlias() {
			return []string{line}
		}
		lines := underlying(o.Name()+typeParams(named, short), named.Underlying(), short)
		for method := range named.Methods() {
			if method.Exported() {
				lines = append(lines, strings.Replace(types.ObjectString(method, short), "func", "method", 1))
			}
		}
		return lines
	}
	return []string{line}
}

// underlying returns the lines for what a type is made of. Exported fields and methods of an
// interface have a line each.
func underlying(name string, t types.Type, short types.Qualifier) []string {
	switch t := t.(type) {
	case *types.Struct:
		lines := []string{"type " + name + " struct"}
		for field := range t.Fields() {
			if field.Exported() {
				lines = append(lines, fmt.Sprintf("type %s struct, %s", name, member(field, short)))
			}
		}
		return lines
	case *types.Interface:
		lines := []string{"type " + name + " interface"}
		for method := range t.ExplicitMethods() {
			text := strings.TrimPrefix(types.TypeString(method.Type(), short), "func")
			lines = append(lines, fmt.Sprintf("type %s interface, %s%s", name, method.Name(), text))
		}
		for embedded := range t.EmbeddedTypes() {
			text := types.TypeString(embedded, short)
			lines = append(lines, fmt.Sprintf("type %s interface, %s", name, text))
		}
		return lines
	}
	return []string{"type " + name + " " + types.TypeString(t, short)}
}

// member describes a field.
func member(field *types.Var, short types.Qualifier) string {
	text := types.TypeString(field.Type(), short)
	if field.Embedded() {
		return "embedded " + text
	}
	return field.Name() + " " + text
}

// typeParams describes the parameters of a generic type, "" without any.
func typeParams(named *types.Named, short types.Qualifier) string {
	var all []string
	for p := range named.TypeParams().TypeParams() {
		all = append(all, p.Obj().Name()+" "+types.TypeString(p.Constraint(), short))
	}
	if all == nil {
		return ""
	}
	return "[" + strings.Join(all, ", ") + "]"
}
