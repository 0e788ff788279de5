package manual

import (
	"strings"

	"postie/cmd/postie/internal/config"
)

// Configuration is postie-config(5) as a page for people who read the source: a table of all keys.
func Configuration() string {
	var b strings.Builder
	b.WriteString(`# The configuration

Generated from the table by which postie reads it; ` + "`postie man DIR`" + ` writes the same as ` + "`postie-config(5)`" + `.
The file is TOML, ` + "`$XDG_CONFIG_HOME/postie/config.toml`" + `: a table ` + "`[account.NAME]`" + ` for each account, and one ` + "`[hooks]`" + `.
Relative paths begin in the folder of the file. Durations are "90s", "15m", "12h", "14d" or "2w", sizes "500kB" or "10MB".

| key | for | type | default | example | what it does |
|---|---|---|---|---|---|
`)
	for _, k := range config.Reference() {
		cells := []string{code(k.Path), k.Belongs(), k.Type, worded(k.Default), code(k.Example), k.Text}
		for i, cell := range cells {
			cells[i] = strings.ReplaceAll(cell, "|", "\\|")
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return b.String()
}

func code(s string) string { return "`" + s + "`" }

// worded is a default: as it is written, or in words.
func worded(s string) string {
	if strings.HasPrefix(s, `"`) || strings.HasPrefix(s, "[") || s == "true" || s == "false" {
		return code(s)
	}
	return s
}
