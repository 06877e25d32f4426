import Glibc

/// Sums of exponentials as their logarithms, in double precision.
enum LogSum {
    /// log(sum e^x), with the largest element taken out first: no overflow, and no loss where one element outweighs the others.
    static func of(_ elements: UnsafeBufferPointer<Float>) -> Double {
        var largest = -Float.infinity
        for element in elements where !(element <= largest) { largest = element }
        guard largest.isFinite else { return Double(largest) }
        let shift = Double(largest)
        var sum = 0.0
        for element in elements { sum += exp(Double(element) - shift) }
        return shift + log(sum)
    }
}
