; Strings of the settings that say what is installed and where tables live.

(assignment
  left: (identifier) @_name
  right: [
    (list (string) @target)
    (tuple (string) @target)
    (binary_operator [(list (string) @target) (tuple (string) @target)])]
  (#any-of? @_name "INSTALLED_APPS" "DATABASE_ROUTERS")
  (#set! role "settings-string"))

(augmented_assignment
  left: (identifier) @_name
  right: [(list (string) @target) (tuple (string) @target)]
  (#any-of? @_name "INSTALLED_APPS" "DATABASE_ROUTERS")
  (#set! role "settings-string"))

(assignment
  left: (identifier) @_name
  right: (dictionary (pair key: (string) @target))
  (#eq? @_name "DATABASES")
  (#set! role "settings-string"))
