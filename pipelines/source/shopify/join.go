package shopify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"

	"github.com/omoflow/omoflow/internal/fault"
)

// split writes the lines of a result to parts by the id of their root record, whatever their order, and compares the counts
// with what the operation states.
func split(path, dir string, count int, o operation) ([]string, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // read only
	names, files, out := make([]string, count), make([]*os.File, count), make([]*bufio.Writer, count)
	for i := range names {
		names[i] = filepath.Join(dir, fmt.Sprintf("part-%04d", i))
		if files[i], err = os.Create(names[i]); err != nil {
			return nil, err
		}
		defer files[i].Close() //nolint:errcheck // closed again below
		out[i] = bufio.NewWriter(files[i])
	}
	var objects, roots int64
	lines := bufio.NewReaderSize(in, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			var one struct {
				ID     string `json:"id"`
				Parent string `json:"__parentId"`
			}
			if err := json.Unmarshal(line, &one); err != nil {
				return nil, fault.Wrap(err, fault.Unavailable, "bulk_incomplete", o.ID, "run again", "a line of the result is broken")
			}
			if objects++; one.Parent == "" {
				one.Parent = one.ID
				roots++
			}
			h := fnv.New32a()
			_, _ = h.Write([]byte(one.Parent)) // never fails
			w := out[h.Sum32()%uint32(count)]
			if _, err := w.Write(line); err != nil {
				return nil, err
			}
			if line[len(line)-1] != '\n' {
				_ = w.WriteByte('\n') // Flush tells
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	for i := range out {
		if err := errors.Join(out[i].Flush(), files[i].Close()); err != nil {
			return nil, fault.Wrap(err, fault.Exhausted, "temp_write", dir, "free space, or set TMPDIR to another folder", "scratch files cannot be written")
		}
	}
	if stated := strconv.FormatInt(objects, 10); o.Objects != stated || o.Roots != strconv.FormatInt(roots, 10) {
		return nil, fault.New(fault.Unavailable, "bulk_incomplete", o.ID, "run again", "the bulk operation states %s objects, %s of them records; its file holds %d and %d", o.Objects, o.Roots, objects, roots)
	}
	return names, nil
}

// join puts the children of a part into the list inner of their parents; records come in the order of their ids.
func join(path, inner string) ([]node, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	parents, children := map[string]node{}, map[string][]node{}
	var ids []string
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var one node
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, unexpected("bulk result", err)
		}
		if parent := one.text("__parentId"); parent != "" {
			delete(one, "__parentId")
			children[parent] = append(children[parent], one)
			continue
		}
		id := one.text("id")
		parents[id] = one
		ids = append(ids, id)
	}
	sort.Strings(ids)
	all := make([]node, 0, len(ids))
	for _, id := range ids {
		if inner != "" {
			list := children[id]
			sort.Slice(list, func(i, j int) bool { return list[i].text("id") < list[j].text("id") })
			if list == nil {
				list = []node{}
			}
			if err := parents[id].set(inner, list); err != nil {
				return nil, err
			}
		}
		delete(children, id)
		all = append(all, parents[id])
	}
	if len(children) > 0 {
		return nil, fault.New(fault.Unavailable, "bulk_incomplete", "", "run again", "%d records that parts name as their parents are not in the result", len(children))
	}
	return all, nil
}
