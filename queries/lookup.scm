; Names of fields and lookups in strings.

(call
  function: (attribute attribute: (identifier) @_f)
  arguments: (argument_list [(string) (concatenated_string) (parenthesized_expression)] @target)
  (#any-of? @_f
    "select_related" "prefetch_related" "values" "values_list" "order_by" "only" "defer" "distinct"
    "dates" "datetimes" "latest" "earliest")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list . [(string) (concatenated_string) (parenthesized_expression)] @target)
  (#any-of? @_f
    "F" "OuterRef" "Prefetch" "Count" "Max" "Min" "Sum" "Avg" "StdDev" "Variance" "prefetch_related_objects")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

(call
  function: (attribute attribute: (identifier) @_f)
  arguments: (argument_list
    (keyword_argument name: (identifier) @_k value: [(string) (concatenated_string)] @target))
  (#eq? @_f "in_bulk") (#eq? @_k "field_name")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

; A serializer's `source='a.b'`.
(keyword_argument
  name: (identifier) @_k
  value: [(string) (concatenated_string) (parenthesized_expression)] @target
  (#eq? @_k "source")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

; Attributes of admin classes, forms, serializers and of `Meta`.
(class_definition
  body: (block
    (expression_statement
      (assignment
        left: (identifier) @_name
        right: [
          (string) @target
          (list [(string) (concatenated_string)] @target)
          (tuple [(string) (concatenated_string)] @target)
          (parenthesized_expression) @target])))
  (#any-of? @_name
    "list_display" "list_display_links" "list_editable" "list_filter" "list_select_related" "search_fields"
    "raw_id_fields" "autocomplete_fields" "readonly_fields" "filter_horizontal" "filter_vertical"
    "date_hierarchy" "ordering" "order_with_respect_to" "get_latest_by" "fields" "exclude" "filterset_fields"
    "filter_fields" "ordering_fields")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "read"))

(class_definition
  body: (block
    (expression_statement
      (assignment
        left: (identifier) @_name
        right: [
          (list (string) @target)
          (tuple (string) @target)
          (list [(list (string) @target) (tuple (string) @target)])
          (tuple [(list (string) @target) (tuple (string) @target)])])))
  (#any-of? @_name "unique_together" "index_together")
  (#set! role "lookup-string") (#set! kind "relation-use") (#set! access "schema"))
