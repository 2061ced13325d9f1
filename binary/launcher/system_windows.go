package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"time"
)

var stopSignals = []os.Signal{os.Interrupt}

// run waits for the program, which gets the console's Ctrl-C itself.
func run(executable string, arguments []string) (int, error) {
	signal.Ignore(os.Interrupt)
	command := exec.Command(executable, arguments[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := command.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode(), nil
	}
	return 0, err
}

func use(folder string) {
	now := time.Now()
	_ = os.Chtimes(folder, now, now)
}

// inUse leaves the question to Windows, which renames no folder with a running program in it.
func inUse(string) bool { return false }

// ownedByMe holds for every temporary folder there: each user has one.
func ownedByMe(fs.FileInfo) bool { return true }
