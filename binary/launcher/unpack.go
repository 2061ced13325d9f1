package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

const (
	unfinished = ".unfinished-" // in the name of a folder that is being unpacked, or removed
	unusedFor  = 30 * 24 * time.Hour
	stuckFor   = 24 * time.Hour
)

// extent is how much a folder holds: enough to notice that files are missing or cut off, at the cost of milliseconds.
type extent struct{ files, bytes int64 }

func measure(folder string) (extent, error) {
	var found extent
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found.files++
		if entry.Type().IsRegular() {
			info, err := entry.Info()
			if err != nil {
				return err
			}
			found.bytes += info.Size()
		}
		return nil
	})
	return found, err
}

// unpack puts the archive at `program`, whole or not at all, also where several starts do it at the same time.
func unpack(archive io.Reader, parent, program string) error {
	place, err := os.MkdirTemp(parent, filepath.Base(program)+unfinished)
	if err != nil {
		return fmt.Errorf("cannot unpack: %w", err)
	}
	defer os.RemoveAll(place)
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, stopSignals...)
	defer signal.Stop(interrupted)
	if err := extract(archive, filepath.Join(place, "new"), interrupted); err != nil {
		return fmt.Errorf("cannot unpack into %s: %w", parent, err)
	}
	err = os.Rename(filepath.Join(place, "new"), program)
	if err != nil { // what is there is damaged, or another start was faster: either may be replaced
		if err = os.Rename(program, filepath.Join(place, "old")); err == nil {
			err = os.Rename(filepath.Join(place, "new"), program)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot unpack: %w", err)
	}
	return nil
}

func extract(archive io.Reader, folder string, interrupted <-chan os.Signal) error {
	plain, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	entries := tar.NewReader(plain)
	for {
		select {
		case <-interrupted:
			os.RemoveAll(filepath.Dir(folder))
			os.Exit(130)
		default:
		}
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		path := filepath.Join(folder, filepath.FromSlash(entry.Name))
		if !strings.HasPrefix(path, folder+string(filepath.Separator)) {
			return fmt.Errorf("%s lies outside", entry.Name)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if entry.Typeflag == tar.TypeSymlink {
			err = os.Symlink(entry.Linkname, path)
		} else {
			err = write(path, entries, entry.FileInfo().Mode().Perm())
		}
		if err != nil {
			return err
		}
	}
}

func write(path string, content io.Reader, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

func writable(folder string) error {
	file, err := os.CreateTemp(folder, "."+unfinished)
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// privateFolder is a folder among the temporary files, which others can write to, that nobody else can have prepared.
func privateFolder() (string, error) {
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("deepsort-%d", os.Getuid()))
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(folder)
	if err != nil {
		return "", err
	}
	if !info.IsDir() || !ownedByMe(info) {
		return "", fmt.Errorf("%s is there already and not private", folder)
	}
	return folder, writable(folder)
}

// removeUnused removes other versions that were not started for a month and do not run, and what a killed start left.
func removeUnused(parent, keep string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, entry := range entries {
		name := entry.Name()
		if name == keep || !entry.IsDir() || !strings.HasPrefix(name, "deepsort-") {
			continue
		}
		folder, patience := filepath.Join(parent, name), unusedFor
		if strings.Contains(name, unfinished) {
			patience = stuckFor
		}
		info, err := entry.Info()
		if err != nil || time.Since(info.ModTime()) < patience || inUse(folder) {
			continue
		}
		doomed := filepath.Join(parent, name+unfinished+"old")
		if strings.Contains(name, unfinished) {
			doomed = folder
		} else if os.Rename(folder, doomed) != nil {
			continue
		}
		if os.RemoveAll(doomed) == nil && patience == unusedFor {
			fmt.Fprintf(os.Stderr, "deepsort: removed %s, not used for a month\n", folder)
		}
	}
}
