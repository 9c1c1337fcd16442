; Names of fields and lookups in strings.

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list [(string) (concatenated_string) (parenthesized_expression)] @target)
  (#any-of? @_f
    "select_related" "prefetch_related" "values" "values_list" "order_by" "only" "defer" "distinct"
    "dates" "datetimes" "latest" "earliest")
  (#set! target "string")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list . (_) @target)
  (#any-of? @_f
    "F" "OuterRef" "Prefetch" "Count" "Max" "Min" "Sum" "Avg" "StdDev" "Variance")
  (#set! target "string")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list [(string) (concatenated_string) (parenthesized_expression)] @target)
  (#eq? @_f "prefetch_related_objects")
  (#set! target "string")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list (keyword_argument name: (identifier) @_k value: (_) @target))
  (#eq? @_f "in_bulk") (#eq? @_k "field_name")
  (#set! target "string")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

; A serializer's `source='a.b'`.
(keyword_argument name: (identifier) @_k value: (_) @target
  (#eq? @_k "source")
  (#set! target "string")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

; Attributes of admin classes, forms, serializers and of `Meta`.
(assignment left: (identifier) @_name right: [(list (_) @target) (tuple (_) @target)]
  (#any-of? @_name
    "list_display" "list_display_links" "list_editable" "list_filter" "list_select_related" "search_fields"
    "raw_id_fields" "autocomplete_fields" "readonly_fields" "filter_horizontal" "filter_vertical"
    "ordering" "fields" "exclude" "filterset_fields" "filter_fields" "ordering_fields")
  (#set! class "*") (#set! target "string")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

(assignment left: (identifier) @_name right: (_) @target
  (#any-of? @_name
    "ordering" "date_hierarchy" "order_with_respect_to" "get_latest_by" "raw_id_fields" "list_display"
    "search_fields" "list_filter" "exclude" "fields" "fk_name")
  (#set! class "*") (#set! target "string")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

; `unique_together = ('a', 'b')` and `unique_together = [('a', 'b'), ('a', 'c')]`
(assignment left: (identifier) @_name right: [(list (_) @target) (tuple (_) @target)]
  (#any-of? @_name "unique_together" "index_together")
  (#set! class "*") (#set! target "string")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "schema"))

(assignment left: (identifier) @_name right: [
    (list [(list (_) @target) (tuple (_) @target)])
    (tuple [(list (_) @target) (tuple (_) @target)])]
  (#any-of? @_name "unique_together" "index_together")
  (#set! class "*") (#set! target "string")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "schema"))
