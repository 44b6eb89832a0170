package simulator

import (
	"encoding/json"
	"time"
)

// Customer is an account of the shop.
type Customer struct {
	ID      int64
	Created time.Time
	Person  Person
	Meta    map[string]string
}

// Record is the account as a record of the shop.
func (c *Customer) Record(s *Shop) Record {
	address := map[string]any{"first_name": c.Person.First, "last_name": c.Person.Last, "company": "", "address_1": "", "address_2": "", "city": "", "state": "", "postcode": "", "country": "CN", "email": c.Person.Email, "phone": c.Person.Phone}
	raw, _ := json.Marshal(map[string]any{ // plain values
		"id": c.ID, "date_created": c.Created.In(s.Zone).Format(stamp), "date_created_gmt": c.Created.UTC().Format(stamp), "date_modified": c.Created.In(s.Zone).Format(stamp), "date_modified_gmt": c.Created.UTC().Format(stamp),
		"email": c.Person.Email, "first_name": c.Person.First, "last_name": c.Person.Last, "role": "customer", "username": c.Person.Email, "billing": address, "shipping": address, "is_paying_customer": true, "avatar_url": "", "meta_data": meta(c.Meta),
	})
	return Record{ID: c.ID, Status: "customer", Created: c.Created, Modified: c.Created, Raw: raw}
}

// Product is an article without variations. Price is in cents.
type Product struct {
	ID                            int64
	Created                       time.Time
	SKU, Name, Category, GlobalID string
	Price, Stock                  int64
}

// Record is the article as a record of the shop.
func (p *Product) Record(s *Shop) Record {
	state := map[bool]string{true: "instock", false: "outofstock"}[p.Stock > 0]
	raw, _ := json.Marshal(map[string]any{ // plain values
		"id": p.ID, "name": p.Name, "slug": p.SKU, "date_created": p.Created.In(s.Zone).Format(stamp), "date_created_gmt": p.Created.UTC().Format(stamp), "date_modified": p.Created.In(s.Zone).Format(stamp), "date_modified_gmt": p.Created.UTC().Format(stamp),
		"type": "simple", "status": "publish", "sku": p.SKU, "global_unique_id": p.GlobalID, "price": Money(p.Price), "regular_price": Money(p.Price), "sale_price": "", "manage_stock": true, "stock_quantity": p.Stock, "stock_status": state, "backorders": "no",
		"parent_id": 0, "categories": []any{map[string]any{"id": 1, "name": p.Category, "slug": "c"}}, "brands": []any{}, "variations": []any{}, "meta_data": []any{},
	})
	return Record{ID: p.ID, Status: "publish", Created: p.Created, Modified: p.Created, Raw: raw}
}
