// The speed of membership rules beside that of expr-lang, in a module of its own: expr-lang is none of Latchkey's dependencies.
module latchkey/tools/rulebench

go 1.26.0

require (
	github.com/expr-lang/expr v1.17.8
	latchkey v0.0.0
)

replace latchkey => ../..
