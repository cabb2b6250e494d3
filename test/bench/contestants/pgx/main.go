// The program loads a CSV file without a header into a table by pgx's CopyFrom, in one transaction.
//
//	pgx URI FILE TABLE NAME:TYPE,…
package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

func main() {
	if err := load(context.Background(), os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		log.Fatal(err)
	}
}

func load(ctx context.Context, uri, path, table, described string) error {
	var names, types []string
	for _, column := range strings.Split(described, ",") {
		name, kind, _ := strings.Cut(column, ":")
		names, types = append(names, name), append(types, kind)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	db, err := pgx.Connect(ctx, uri)
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	records := csv.NewReader(bufio.NewReaderSize(file, 1<<20))
	records.ReuseRecord = true
	row := make([]any, len(names))
	next := func() ([]any, error) {
		fields, err := records.Read()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for i, field := range fields {
			if row[i], err = valueOf(types[i], field); err != nil {
				return nil, err
			}
		}
		return row, nil
	}
	_, err = db.CopyFrom(ctx, pgx.Identifier{table}, names, pgx.CopyFromFunc(next))
	return err
}

// valueOf returns nil for an empty field, as COPY does for CSV.
func valueOf(kind, field string) (any, error) {
	switch {
	case field == "":
		return nil, nil
	case kind == "integer":
		number, err := strconv.ParseInt(field, 10, 32)
		return int32(number), err
	case kind == "date":
		return time.Parse(time.DateOnly, field)
	default:
		return field, nil
	}
}
