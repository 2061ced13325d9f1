//go:build unix

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

const libraryVariable = "LD_LIBRARY_PATH"

var stopSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// run becomes the program; it returns only where that fails.
func run(executable string, arguments []string) (int, error) {
	if runtime.GOOS == "linux" {
		// It starts with a zlib, which a bare system has not got; its own is beside it, and it does the same afterwards.
		libraries := filepath.Join(filepath.Dir(executable), "_internal")
		if others := os.Getenv(libraryVariable); others != "" {
			libraries += ":" + others
		}
		os.Setenv(libraryVariable, libraries)
	}
	return 1, syscall.Exec(executable, arguments, os.Environ())
}

// use notes that the folder is in use: now, by its time, and for as long as this process lives, by a lock that exec keeps.
func use(folder string) {
	now := time.Now()
	_ = os.Chtimes(folder, now, now)
	if descriptor, err := syscall.Open(folder, syscall.O_RDONLY, 0); err == nil { // without O_CLOEXEC
		_ = syscall.Flock(descriptor, syscall.LOCK_SH|syscall.LOCK_NB)
	}
}

func inUse(folder string) bool {
	descriptor, err := syscall.Open(folder, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer syscall.Close(descriptor)
	return syscall.Flock(descriptor, syscall.LOCK_EX|syscall.LOCK_NB) != nil
}

func ownedByMe(info fs.FileInfo) bool {
	status, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(status.Uid) == os.Getuid() && info.Mode().Perm()&0o077 == 0
}
