/** Generated from crds/recordschemas.yaml (v1alpha1) by `make generate`; do not edit. */

export const RECORD_SCHEMA_CRD = {
  "type": "object",
  "required": [
    "spec"
  ],
  "properties": {
    "apiVersion": {
      "type": "string"
    },
    "kind": {
      "type": "string"
    },
    "metadata": {
      "type": "object"
    },
    "spec": {
      "type": "object",
      "required": [
        "fields",
        "primaryKey",
        "target"
      ],
      "x-kubernetes-validations": [
        {
          "rule": "self.primaryKey.all(k, self.fields.exists(f, f.name == k))",
          "message": "every name in primaryKey must be the name of a field: correct the name, or add the field to spec.fields",
          "fieldPath": ".primaryKey"
        }
      ],
      "properties": {
        "fields": {
          "type": "array",
          "minItems": 1,
          "maxItems": 256,
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": [
            "name"
          ],
          "items": {
            "type": "object",
            "required": [
              "name"
            ],
            "x-kubernetes-validations": [
              {
                "rule": "!has(self.format) || self.format == 'default' || self.type in ['string', 'date', 'time', 'datetime']",
                "message": "format is for string (email, uri, uuid, binary) and for date, time and datetime (as in %d.%m.%Y): remove format, or change type",
                "fieldPath": ".format"
              },
              {
                "rule": "!has(self.format) || self.type != 'string' || self.format in ['default', 'email', 'uri', 'uuid', 'binary']",
                "message": "format of a string is default, email, uri, uuid or binary: use one of these; a strptime pattern, as in %d.%m.%Y, is for type date, time and datetime",
                "fieldPath": ".format"
              },
              {
                "rule": "!has(self.format) || !(self.type in ['date', 'time', 'datetime']) || self.format == 'default' || self.format.contains('%')",
                "message": "format of a date, time or datetime is default (ISO 8601) or a strptime pattern, as in %d.%m.%Y: use one of these, or set type to string",
                "fieldPath": ".format"
              },
              {
                "rule": "!has(self.decimalChar) || self.type == 'number'",
                "message": "decimalChar is for fields of type number: remove decimalChar, or set type to number",
                "fieldPath": ".decimalChar"
              },
              {
                "rule": "!(has(self.groupChar) || has(self.bareNumber)) || self.type in ['integer', 'number']",
                "message": "groupChar and bareNumber are for fields of type integer and number: remove them, or set type to one of these",
                "fieldPath": ".groupChar"
              },
              {
                "rule": "!has(self.groupChar) || self.type != 'number' || self.groupChar != (has(self.decimalChar) ? self.decimalChar : '.')",
                "message": "groupChar must not be the decimalChar, which is a point when absent: use another character for one of them",
                "fieldPath": ".groupChar"
              },
              {
                "rule": "!(has(self.trueValues) || has(self.falseValues)) || self.type == 'boolean'",
                "message": "trueValues and falseValues are for fields of type boolean: remove them, or set type to boolean",
                "fieldPath": ".trueValues"
              },
              {
                "rule": "!has(self.constraints) || !(has(self.constraints.minLength) || has(self.constraints.maxLength)) || self.type == 'string'",
                "message": "minLength and maxLength are for fields of type string: remove them, or use minimum and maximum to limit the value of a number or a date",
                "fieldPath": ".constraints"
              },
              {
                "rule": "!has(self.constraints) || !(has(self.constraints.minimum) || has(self.constraints.maximum) || has(self.constraints.exclusiveMinimum) || has(self.constraints.exclusiveMaximum)) || self.type in ['integer', 'number', 'date', 'time', 'datetime', 'year', 'yearmonth']",
                "message": "minimum and maximum, exclusive or not, are for integer, number, date, time, datetime, year and yearmonth: remove them, or change type; for the length of a string use minLength and maxLength",
                "fieldPath": ".constraints"
              }
            ],
            "properties": {
              "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 128
              },
              "title": {
                "type": "string",
                "maxLength": 256
              },
              "description": {
                "type": "string",
                "maxLength": 1024
              },
              "type": {
                "type": "string",
                "enum": [
                  "string",
                  "integer",
                  "number",
                  "boolean",
                  "date",
                  "time",
                  "datetime",
                  "year",
                  "yearmonth",
                  "duration",
                  "object",
                  "array",
                  "any"
                ],
                "default": "string"
              },
              "format": {
                "type": "string",
                "minLength": 1,
                "maxLength": 64
              },
              "decimalChar": {
                "type": "string",
                "maxLength": 1,
                "pattern": "^[^0-9eE+-]$"
              },
              "groupChar": {
                "type": "string",
                "maxLength": 1,
                "pattern": "^[^0-9eE+-]$"
              },
              "bareNumber": {
                "type": "boolean"
              },
              "trueValues": {
                "type": "array",
                "minItems": 1,
                "maxItems": 16,
                "x-kubernetes-list-type": "set",
                "items": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 64
                }
              },
              "falseValues": {
                "type": "array",
                "minItems": 1,
                "maxItems": 16,
                "x-kubernetes-list-type": "set",
                "items": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 64
                }
              },
              "constraints": {
                "type": "object",
                "x-kubernetes-validations": [
                  {
                    "rule": "!has(self.minLength) || !has(self.maxLength) || self.minLength <= self.maxLength",
                    "message": "minLength must not be greater than maxLength: lower minLength, or raise maxLength",
                    "fieldPath": ".minLength"
                  }
                ],
                "properties": {
                  "required": {
                    "type": "boolean"
                  },
                  "enum": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 256,
                    "x-kubernetes-list-type": "set",
                    "items": {
                      "type": "string",
                      "maxLength": 256
                    }
                  },
                  "pattern": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024
                  },
                  "minLength": {
                    "type": "integer",
                    "format": "int32",
                    "minimum": 0
                  },
                  "maxLength": {
                    "type": "integer",
                    "format": "int32",
                    "minimum": 0
                  },
                  "minimum": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 64
                  },
                  "maximum": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 64
                  },
                  "exclusiveMinimum": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 64
                  },
                  "exclusiveMaximum": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 64
                  }
                }
              },
              "missingValues": {
                "type": "array",
                "maxItems": 32,
                "x-kubernetes-list-type": "set",
                "items": {
                  "type": "string",
                  "maxLength": 64
                }
              },
              "aliases": {
                "type": "array",
                "maxItems": 16,
                "x-kubernetes-list-type": "set",
                "items": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 128
                }
              },
              "sensitive": {
                "type": "boolean"
              },
              "code": {
                "type": "string",
                "pattern": "^[A-Z]{2,8}_[A-Z0-9_]{1,40}$",
                "maxLength": 49
              }
            }
          }
        },
        "fieldsMatch": {
          "type": "string",
          "enum": [
            "exact",
            "equal",
            "subset",
            "superset",
            "partial"
          ],
          "default": "equal"
        },
        "missingValues": {
          "type": "array",
          "maxItems": 32,
          "x-kubernetes-list-type": "set",
          "items": {
            "type": "string",
            "maxLength": 64
          }
        },
        "primaryKey": {
          "type": "array",
          "minItems": 1,
          "maxItems": 16,
          "x-kubernetes-list-type": "set",
          "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128
          }
        },
        "rules": {
          "type": "array",
          "maxItems": 64,
          "x-kubernetes-list-type": "atomic",
          "items": {
            "type": "object",
            "required": [
              "rule",
              "message",
              "code"
            ],
            "properties": {
              "rule": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1024
              },
              "message": {
                "type": "string",
                "minLength": 1,
                "maxLength": 512
              },
              "code": {
                "type": "string",
                "pattern": "^BIZ_[A-Z0-9_]{1,40}$",
                "maxLength": 44
              }
            }
          }
        },
        "target": {
          "type": "object",
          "required": [
            "table",
            "columns"
          ],
          "properties": {
            "table": {
              "type": "string",
              "minLength": 1,
              "maxLength": 127,
              "pattern": "^[^.\"\\s]{1,63}(\\.[^.\"\\s]{1,63})?$"
            },
            "create": {
              "type": "boolean",
              "default": false
            },
            "onDuplicate": {
              "type": "string",
              "enum": [
                "Skip",
                "Update",
                "Fail"
              ],
              "default": "Skip"
            },
            "columns": {
              "type": "array",
              "minItems": 1,
              "maxItems": 256,
              "x-kubernetes-list-type": "map",
              "x-kubernetes-list-map-keys": [
                "name"
              ],
              "items": {
                "type": "object",
                "required": [
                  "name"
                ],
                "x-kubernetes-validations": [
                  {
                    "rule": "(has(self.field) ? 1 : 0) + (has(self.json) ? 1 : 0) + (has(self.value) ? 1 : 0) + (has(self.system) ? 1 : 0) == 1",
                    "message": "a column has exactly one of field, json, value and system: give the one that the column gets its value from"
                  }
                ],
                "properties": {
                  "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 63,
                    "pattern": "^[^\"]+$"
                  },
                  "type": {
                    "type": "string",
                    "enum": [
                      "text",
                      "date",
                      "time",
                      "timestamptz",
                      "interval",
                      "bigint",
                      "integer",
                      "numeric",
                      "double precision",
                      "boolean",
                      "uuid",
                      "jsonb",
                      "json"
                    ]
                  },
                  "field": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 128
                  },
                  "json": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 256,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": [
                      "path"
                    ],
                    "items": {
                      "type": "object",
                      "required": [
                        "path"
                      ],
                      "x-kubernetes-validations": [
                        {
                          "rule": "has(self.field) != has(self.value)",
                          "message": "a JSON property has exactly one of field and value: give the one that the property gets its value from"
                        }
                      ],
                      "properties": {
                        "path": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 256,
                          "pattern": "^[^.]+(\\.[^.]+)*$"
                        },
                        "field": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 128
                        },
                        "value": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 1024
                        }
                      }
                    }
                  },
                  "value": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024
                  },
                  "system": {
                    "type": "string",
                    "enum": [
                      "uploadId",
                      "rowNumber",
                      "uuid"
                    ]
                  }
                }
              }
            }
          }
        }
      }
    }
  }
};
