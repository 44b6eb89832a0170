package taobao

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source/router"
	"github.com/omoflow/omoflow/pipelines/source/window"
)

// types are all that the platform documents: without them it answers for four or five and is silent about the others.
const types = "fixed,auction,guarantee_trade,step,independent_simple_trade,independent_shop_trade,auto_delivery,ec,cod,game_equipment,shopex_trade,netcn_trade,external_trade,instant_trade,b2c_cod," +
	"hotel_trade,super_market_trade,super_market_cod_trade,taohua,waimai,o2o_offlinetrade,nopaid,eticket,tmall_i18n,insurance_plus,finance,pre_auth_type,lazada,fenxiao"

// orderFields are what the mapping reads or keeps. The platform gives only what is named.
const orderFields = "tid,status,type,created,modified,pay_time,consign_time,end_time,payment,received_payment,total_fee,discount_fee,adjust_fee,post_fee,point_fee,step_trade_status,step_paid_fee," +
	"team_buy_hold,share_group_hold,buyer_nick,buyer_open_uid,receiver_name,receiver_mobile,receiver_phone,receiver_state,receiver_city,trade_from,alipay_no,shop_pick,o2o,o2o_delivery,o2o_shop_id," +
	"o2o_shop_name,o2o_guide_id,o2o_guide_name,o2o_voucher_price,o2o_step_trade_detail,o2o_step_order_id,o2o_et_order_id,shop_code,retail_store_code,retail_out_order_id,cloud_store_bind_pos,platform_subsidy_fee," +
	"orders,promotion_details"

const refundFields = "refund_id,tid,oid,status,refund_phase,refund_fee,payment,total_fee,created,modified,good_return_time,has_good_return,num,num_iid,outer_id,sku,title,reason,order_status,good_status,buyer_open_uid"

func (s *shop) types() string {
	all := types
	for _, one := range s.settings.List("types") {
		if one != "" && !strings.Contains(","+all+",", ","+one+",") {
			all += "," + one
		}
	}
	return all
}

// reader asks a list by a pair of times.
func (s *shop) reader(method, path, key, field string, params map[string]string) *window.Reader {
	start, end := "start_"+field, "end_"+field
	return &window.Reader{
		What: method, Width: s.settings.Duration("window"), Widest: s.settings.Duration("widest"), Size: s.size, Row: router.Row(key, []string{field}, moment),
		Ask: func(ctx context.Context, from, to time.Time, page int) (window.Page, error) {
			all := map[string]string{
				start: from.In(china).Format(time.DateTime), end: to.In(china).Format(time.DateTime),
				"page_no": strconv.Itoa(page), "page_size": strconv.Itoa(s.size), "use_has_next": "false",
			}
			for name, value := range params {
				all[name] = value
			}
			return s.list(ctx, method, path, all)
		},
	}
}

// orders is the stream of trades: the changed ones going forward, the created ones of the past.
func (s *shop) orders() *window.Feed {
	params := map[string]string{"fields": orderFields, "type": s.types()}
	past := s.reader("taobao.trades.sold.get", "trades.trade", "tid", "created", params)
	past.Width = max(past.Width, past.Widest) // nothing moves there: a creation never changes
	forward := s.reader("taobao.trades.sold.increment.get", "trades.trade", "tid", "modified", params)
	f := window.Feed{Declaration: declaration, Name: "orders", Forward: forward, Past: past, Now: s.serverNow}.Configured(s.settings)
	if s.settings.Bool("details") {
		f.Body = s.details
	}
	return f
}

// refunds is the stream of refunds of every type.
func (s *shop) refunds() *window.Feed {
	forward := s.reader("taobao.refunds.receive.get", "refunds.refund", "refund_id", "modified", map[string]string{"fields": refundFields, "type": s.types()})
	return window.Feed{Declaration: declaration, Name: "refunds", Forward: forward, Now: s.serverNow}.Configured(s.settings)
}

// details reads the trades of a page one by one, for lists leave fields out. The answers follow each other as they came.
// A trade that is in a list and cannot be read alone stays as the list shows it.
func (s *shop) details(ctx context.Context, p window.Page) ([]byte, error) {
	var all bytes.Buffer
	for _, row := range p.Rows {
		id, _, err := router.Row("tid", []string{"modified"}, moment)(row)
		if err != nil {
			return nil, err
		}
		a, err := s.gateway.Call(ctx, "taobao.trade.fullinfo.get", map[string]string{"fields": orderFields, "tid": id})
		switch {
		case gone(err):
			all.WriteString(`{"trade_fullinfo_get_response":{"trade":`)
			all.Write(row)
			all.WriteString("}}\n")
		case err != nil:
			return nil, err
		default:
			if err := same(a.Result, id); err != nil {
				return nil, err
			}
			all.Write(bytes.TrimSpace(a.Body))
			all.WriteByte('\n')
		}
	}
	return all.Bytes(), nil
}

// same refuses the details of another trade.
func same(result json.RawMessage, id string) error {
	var said struct {
		Trade struct {
			Tid json.RawMessage `json:"tid"`
		} `json:"trade"`
	}
	if err := json.Unmarshal(result, &said); err != nil || router.Text(said.Trade.Tid) != id {
		return fault.New(fault.Unavailable, "unexpected_answer", "taobao.trade.fullinfo.get", "report this with the platform's version", "the platform gave another trade than %s", id)
	}
	return nil
}

// gone tells the answer about a trade that cannot be read alone.
func gone(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Code == "error_in_answer" && (strings.Contains(f.Message, "isv.trade-not-exist") || strings.Contains(f.Message, "isv.trade_not_exist"))
}
