package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrChanged says that a file is not any more what it was when it was read.
var ErrChanged = errors.New("the file was changed meanwhile by somebody else; nothing was written")

// Read reads the file as it is; nil: there is none.
func Read(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if data == nil && err == nil {
		data = []byte{}
	}
	return data, err
}

// Replace checks data as Load would, and then puts it in the place of what path holds, atomically and durably: readers
// see the old file or the new one. old is what the caller read there (nil: there was no file); if that is not there any
// more, it is ErrChanged. A new file is for its owner alone, an old one keeps its mode; a symbolic link stays one.
func Replace(path string, old, data []byte) (*Config, error) {
	name, mode := path, fs.FileMode(0o600)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	c, err := parse(name, data, mode)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	fresh, err := writeBeside(path, data, mode)
	if err != nil {
		return nil, err
	}
	defer os.Remove(fresh) // does nothing once it is renamed
	now, err := os.ReadFile(path)
	if missing := errors.Is(err, fs.ErrNotExist); err != nil && !missing {
		return nil, err
	} else if missing != (old == nil) || !bytes.Equal(now, old) {
		return nil, ErrChanged
	}
	if err := os.Rename(fresh, path); err != nil {
		return nil, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return c, d.Sync()
}

// writeBeside writes a durable file into path's folder and returns its name.
func writeBeside(path string, data []byte, mode fs.FileMode) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".config-*.toml") // 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}
