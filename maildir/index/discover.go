package index

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"postie/maildir"
)

// Discover makes known what Maildirs lie below the root in folders of their own: all of them after the database was lost or where
// another program keeps the tree, else those that came since. The names are those that a sync would give. What they hold is seen
// by [Store.Follow]. With own the root itself and its
// Maildir++ folders are among them, else they are for Refresh. What only a look had
// found is forgotten once it is gone, or an account's under another name. Beside an error about folders that cannot be looked into the others are known.
func (s *Store) Discover(ctx context.Context, own bool) error {
	tree, err := maildir.FS.Maildirs(string(s.root), true)
	if err != nil {
		return verb("look for folders", err)
	}
	known, err := query(ctx, s, func(rows *sql.Rows) (f treeFolder, err error) {
		return f, rows.Scan(&f.id, &f.name, &f.path, &f.agreed, &f.used)
	}, `SELECT id, name, coalesce(folder, ''), EXISTS (SELECT 1 FROM box WHERE mailbox = mailbox.id),
		EXISTS (SELECT 1 FROM message WHERE mailbox = mailbox.id) FROM mailbox`)
	if err != nil {
		return verb("look for folders", err)
	}
	if own && isMaildir(s.DirOf(Message{folder: "."})) {
		tree.Maildirs = append(tree.Maildirs, ".")
	}
	if !own { // Refresh looks after these
		tree.Maildirs = slices.DeleteFunc(tree.Maildirs, func(path string) bool { return path[0] == '.' && !strings.Contains(path, "/") })
	}
	came, gone := sortFolders(known, tree, func(path string) bool { return isMaildir(s.DirOf(Message{folder: path})) })
	if len(came)+len(gone) > 0 {
		err = s.write(ctx, func(tx *sql.Tx) error { return recordFolders(tx, came, gone) })
	}
	if closed := tree.Closed; err == nil && len(closed) > 0 {
		for _, why := range closed {
			err = why
		}
	}
	return verb("look for folders", err)
}

// treeFolder is a folder below the root that holds a mailbox.
type treeFolder struct {
	id     int64
	name   string
	path   string // "": the name tells (Refresh)
	agreed bool   // an account knows it
	used   bool   // it has messages
}

// sortFolders tells which of the folders that are there are new, with names for them, and which of those that only a look had found
// are there no more, or are an account's under another name.
func sortFolders(known []treeFolder, tree maildir.Tree, there func(path string) bool) (came, gone []treeFolder) {
	names, paths := map[string]bool{}, map[string]bool{}
	for _, f := range known {
		switch {
		case f.path == "": // Refresh looks after it
			names[f.name], paths[folderOf(f.name)] = true, true
		case f.agreed:
			names[f.name], paths[f.path] = true, true
		}
	}
	for _, f := range known {
		switch {
		case f.agreed || f.path == "":
		case paths[f.path], !f.used && !there(f.path):
			gone = append(gone, f)
		default:
			names[f.name], paths[f.path] = true, true
		}
	}
	for _, path := range tree.Maildirs {
		name := maildir.MailboxAt(path)
		if names[name] {
			name = path
		}
		if paths[path] || names[name] {
			continue
		}
		names[name] = true
		came = append(came, treeFolder{name: name, path: path})
	}
	return came, gone
}

func isMaildir(dir maildir.Dir) bool { return exists(string(dir) + "/cur") }

func recordFolders(tx *sql.Tx, came, gone []treeFolder) error {
	err := each(tx, "DELETE FROM message WHERE mailbox = ? AND "+Unpaired, gone, func(f *treeFolder) []any { return []any{f.id} }, nil)
	if err == nil {
		err = each(tx, "DELETE FROM mailbox WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM message WHERE mailbox = ?1)", gone, func(f *treeFolder) []any { return []any{f.id} }, nil)
	}
	if err == nil {
		err = each(tx, "INSERT INTO mailbox (name, folder) VALUES (?, ?) ON CONFLICT DO NOTHING", came, func(f *treeFolder) []any { return []any{f.name, f.path} }, nil)
	}
	return err
}
