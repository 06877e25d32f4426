import Text

/// Why a tokenizer could not be read, or a text not be encoded.
package typealias TokenizerError = Problem

/// What is wrong with a part of a tokenizer, before the file's name is known.
typealias TokenizerProblem = Problem
