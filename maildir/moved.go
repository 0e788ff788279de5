package maildir

import "iter"

// Moved picks, of files that came up and hold the message whose file is missing, the one that was moved: the file under its key, since most
// programs keep the key of what they move, and else the first, since some give another. False: none came. It serves the other way round
// as well: of the messages whose files are missing the one that a new file is. key is the key of the one thing, and keyOf tells that of the many.
//
// What makes two files one message the caller decides: by content, or by what a server told.
func Moved[T any](key Key, same iter.Seq[T], keyOf func(T) Key) (moved T, ok bool) {
	for it := range same {
		if keyOf(it) == key {
			return it, true
		}
		if !ok {
			moved, ok = it, true
		}
	}
	return moved, ok
}
