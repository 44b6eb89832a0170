package report

import "context"

func (r *reader) asScoreboard(ctx context.Context) (section, error) {
	return r.scoreboard(ctx, jointTiles())
}

// scoreboard shows tiles for the company and a table by channel.
func (r *reader) scoreboard(ctx context.Context, kpis []string) (section, error) {
	s := section{}
	var tiles []tile
	seen := false
	for _, k := range kpis {
		seen = seen || r.company(k) != nil
		tiles = append(tiles, r.tileOf(k))
	}
	if !seen {
		return s, nil
	}
	if h := r.dates["holiday_id"]; h != "" {
		s.Lead = append(s.Lead, say("holiday_note", txt(h)))
	}
	s.Lead = append(s.Lead, r.parts...)
	s.Blocks = append(s.Blocks, block{Tiles: tiles})
	rows, err := r.scoped(ctx, "channel")
	if err != nil {
		return s, err
	}
	if t := r.scopeTable("t_channels", rows, []string{"net_sales", "atv", "upt", "asp", "gm_pct", "return_rate_acc", "cancel_rate"}); t != nil {
		s.Blocks = append(s.Blocks, block{Table: t})
	}
	return s, nil
}

// scopeTable sets scopes in rows and KPIs in columns, net sales with their change against the period before.
func (r *reader) scopeTable(name string, rows []map[string]string, kpis []string) *table {
	byScope := map[string]map[string]map[string]string{}
	var scopes []string
	present := map[string]bool{}
	for _, row := range rows {
		id := row["scope_id"]
		if byScope[id] == nil {
			byScope[id] = map[string]map[string]string{}
			scopes = append(scopes, id)
		}
		byScope[id][row["kpi_id"]] = row
		present[row["kpi_id"]] = true
	}
	t := &table{Name: name, Columns: []cell{key("c_scope")}}
	for _, k := range kpis {
		if !present[k] {
			continue
		}
		t.Columns = append(t.Columns, r.name(k))
		if k == "net_sales" {
			t.Columns = append(t.Columns, key("c_vs_previous"), key("c_vs_last_year"))
		}
	}
	for _, id := range scopes {
		line := []cell{scopeName(id)}
		for _, k := range kpis {
			if !present[k] {
				continue
			}
			row := byScope[id][k]
			line = append(line, ofUnit(row["value"], r.unit(k)))
			if k == "net_sales" {
				line = append(line, distance(row["value"], row["previous_value"], "money"), distance(row["value"], row["last_year_value"], "money"))
			}
		}
		t.Rows = append(t.Rows, line)
	}
	if len(t.Rows) == 0 || len(t.Columns) < 2 {
		return nil
	}
	return t
}

func (r *reader) unit(kpi string) string {
	if u := r.kpis[kpi]["unit"]; u != "" {
		return u
	}
	for _, row := range r.board {
		if row["kpi_id"] == kpi {
			return row["unit"]
		}
	}
	return ""
}

// scopeName translates the names that omoflow itself gives and leaves those of the data alone.
func scopeName(id string) cell {
	switch id {
	case "online", "store", "both", "ship", "pickup", "carry_out", "ship_from_store", "unknown":
		return key("name_" + id)
	case "":
		return key("name_none")
	}
	return txt(id)
}

// kpiTable sets company KPIs in rows with their comparators and verdict; nil when none of them is there.
func (r *reader) kpiTable(name string, kpis []string) *table {
	t := &table{Name: name, Columns: []cell{key("c_kpi"), key("c_value"), key("cmp_previous"), key("cmp_last_year"), key("c_delta"), key("c_verdict")}}
	for _, k := range kpis {
		row := r.company(k)
		if row == nil {
			continue
		}
		base := row["last_year_value"]
		if base == "" {
			base = row["previous_value"]
		}
		v := judge(row["value"], base, row["unit"], row["direction"])
		t.Rows = append(t.Rows, []cell{r.name(k), strong(ofUnit(row["value"], row["unit"])), ofUnit(row["previous_value"], row["unit"]), ofUnit(row["last_year_value"], row["unit"]),
			distance(row["value"], base, row["unit"]), say("marked", txt(v.mark()), key(string(v)))})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}
